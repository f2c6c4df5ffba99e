import { ProblemError } from 'outpost/fastify'
import { isFilterValue } from '../resources/filter-value.ts'
import { anOf, type Resource } from '../resources/resource.ts'

/** An id of the path in its canonical form. Error: `invalid_value`. */
export function uuidOf(text: string, resource: Resource): string {
  if (isFilterValue('uuid', text)) return text.toLowerCase()
  throw new ProblemError('invalid_value', `The id of ${anOf(resource)} is a UUID.`)
}

/** The ids that the client chose itself, in canonical form. */
export function idsOf(bodies: readonly { readonly id?: string }[]): readonly string[] {
  return bodies.flatMap(({ id }) => (id === undefined ? [] : [id.toLowerCase()]))
}

/** The id that a row got at the edge. */
export function idOfStep(step: { get(column: string): string | null | undefined }): string {
  const id = step.get('id')
  if (typeof id !== 'string') throw new Error('A recorded row got no id at the edge.')
  return id
}
