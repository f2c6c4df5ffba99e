/** Why a value does not fit its type. The caller knows the column and turns it into an `OutpostError`. */
export class ValueProblem extends Error {
  override readonly name = 'ValueProblem'
}

const excerptCharacters = 60

/** A value as a message may show it: quoted and cut, so that no error echoes a whole document. */
function excerpt(value: unknown): string {
  if (typeof value !== 'string') return describe(value)
  const points = [...value.slice(0, 2 * excerptCharacters + 2)]
  const isCut = points.length > excerptCharacters || value.length > 2 * excerptCharacters + 2
  return JSON.stringify(isCut ? `${points.slice(0, excerptCharacters).join('')}…` : value)
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return 'a Date'
  if (value instanceof Uint8Array) return 'bytes'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  return String(value).slice(0, excerptCharacters)
}

/** Throws the problem with `value`; `reason` continues the sentence "<value> …". */
export function refuse(value: unknown, reason: string): never {
  throw new ValueProblem(`${excerpt(value)} ${reason}`)
}
