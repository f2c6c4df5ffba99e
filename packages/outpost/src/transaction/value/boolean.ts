import { refuse } from './value-problem.ts'

/** `t` or `f`, as the output function writes it (a cast to text would say `true`). */
export function booleanText(value: unknown): string {
  if (value === true || value === 't' || value === 'true') return 't'
  if (value === false || value === 'f' || value === 'false') return 'f'
  return refuse(value, 'is not true or false')
}
