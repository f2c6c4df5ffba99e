import { ProblemError } from './problem.ts'

/** A member of a body that is text; undefined when it is left out. Errors: `invalid_value`, `unknown_column`. */
export function textIn(body: unknown, name: string, known: readonly string[]): string | undefined {
  const members = membersOf(body)
  const unknown = Object.keys(members).find((each) => !known.includes(each))
  if (unknown !== undefined) {
    throw new ProblemError('unknown_column', `'${unknown.slice(0, 64)}' is not a member here.`, {
      hint: `Use ${known.join(' and ')}.`,
    })
  }
  const value = members[name]
  if (value === undefined || typeof value === 'string') return value
  throw new ProblemError('invalid_value', `${name} must be text.`)
}

/** A member of a body that is true or false; false when it is left out. Error: `invalid_value`. */
export function flagIn(body: unknown, name: string): boolean {
  const value = membersOf(body)[name] ?? false
  if (typeof value === 'boolean') return value
  throw new ProblemError('invalid_value', `${name} must be true or false.`)
}

function membersOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Readonly<Record<string, unknown>>
  throw new ProblemError('invalid_value', 'The body must be an object.')
}
