import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from './service-codes.ts'

const maxDepth = 32
/** With the `u` flag a proper pair is one code point, so only halves are found. */
const unpairedSurrogate = /\p{Surrogate}/u

/** True for a text that PostgreSQL can store: no NUL, no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && !unpairedSurrogate.test(text)
}

/**
 * Refuses a body that holds text PostgreSQL cannot store, a number beyond double precision, or nesting without
 * end. Walks without recursion, so that depth cannot exhaust the stack. Errors: `text_refused`, `invalid_value`,
 * `body_too_deep`.
 */
export function assertStorable(body: unknown): void {
  const open: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [
    { value: body, path: '', depth: 0 },
  ]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path, depth } = next
    assertLeaf(value, path)
    if (typeof value !== 'object' || value === null) continue
    if (depth >= maxDepth)
      throw new ProblemError(
        serviceCodes.body_too_deep,
        `The body is nested more than ${maxDepth} levels deep.`,
      )
    for (const [name, member] of Object.entries(value)) {
      assertLeaf(name, path)
      open.push({ value: member, path: `${path}/${name.slice(0, 64)}`, depth: depth + 1 })
    }
  }
}

function assertLeaf(value: unknown, path: string): void {
  if (typeof value === 'string' && !isStorableText(value)) {
    throw new ProblemError(
      serviceCodes.text_refused,
      `${path || 'the body'} holds a NUL character or an unpaired surrogate.`,
      {
        errors: [{ path, code: 'text_refused', message: 'holds a NUL character or an unpaired surrogate' }],
      },
    )
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new ProblemError('invalid_value', `${path || 'the body'} is a number out of range.`, {
      errors: [{ path, code: 'invalid_value', message: 'is a number out of range' }],
    })
  }
}
