import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from './service-codes.ts'

/** With the `u` flag a proper pair is one code point, so only halves are found. */
const unpairedSurrogate = /\p{Surrogate}/u

/** True for a text that PostgreSQL can store: no NUL, no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && !unpairedSurrogate.test(text)
}

/** An object or a list of the body, and where it hangs. The path is written out only for a problem. */
interface Branch {
  readonly members: Readonly<Record<string, unknown>>
  readonly name: string
  readonly parent: Branch | undefined
}

/**
 * Refuses a body that holds text PostgreSQL cannot store, a number beyond double precision, or a member that would
 * change the nature of objects it is copied into. Walks without recursion. Errors: `text_refused`, `invalid_value`,
 * `unknown_column`.
 */
export function assertStorable(body: unknown): void {
  const root: Branch = { members: { '': body }, name: '', parent: undefined }
  const open: Branch[] = [root]
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const { members } = branch
    for (const name of Object.keys(members)) {
      const member = members[name]
      const fault = (Array.isArray(members) ? undefined : faultOfName(name)) ?? faultOfLeaf(member)
      if (fault !== undefined) throw refused(fault, branch, name)
      if (typeof member === 'object' && member !== null)
        open.push({ members: member as Branch['members'], name, parent: branch })
    }
  }
}

interface Fault {
  readonly code: ConstructorParameters<typeof ProblemError>[0]
  readonly message: string
}

const faults = {
  text: { code: serviceCodes.text_refused, message: 'holds a NUL character or an unpaired surrogate' },
  number: { code: 'invalid_value', message: 'is a number out of range' },
  prototype: { code: 'unknown_column', message: 'is not known here' },
} as const satisfies Record<string, Fault>

function faultOfName(name: string): Fault | undefined {
  if (name === '__proto__') return faults.prototype
  return isStorableText(name) ? undefined : faults.text
}

function faultOfLeaf(value: unknown): Fault | undefined {
  if (typeof value === 'string') return isStorableText(value) ? undefined : faults.text
  return typeof value === 'number' && !Number.isFinite(value) ? faults.number : undefined
}

function refused({ code, message }: Fault, branch: Branch, name: string): ProblemError {
  const path = pathOf(branch, name)
  const item = { path, code: typeof code === 'string' ? code : code.code, message }
  return new ProblemError(code, `${path || 'the body'} ${message}.`, { errors: [item] })
}

/** A JSON pointer; names from outside are cut. */
function pathOf(branch: Branch, name: string): string {
  const upwards = [name]
  for (let at = branch; at.parent !== undefined; at = at.parent) upwards.push(at.name)
  // The uppermost name is that of the body itself.
  const names = upwards.reverse().slice(1)
  return names.map((one) => `/${one.slice(0, 64)}`).join('')
}
