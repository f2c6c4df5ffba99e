import type { ColumnType } from '../../postgres/catalog.ts'

const known = new WeakMap<ColumnType, ColumnType>()

/** The type of an array's elements: `varchar(5)[]` carries the length on the array, where its elements need it. */
export function elementType(array: ColumnType): ColumnType {
  const { element } = array
  if (element === undefined)
    throw new TypeError(`The catalog does not know the element type of ${array.name}.`)
  if (array.modifier < 0 || element.modifier >= 0) return element
  const cached = known.get(array)
  if (cached !== undefined) return cached
  const made = {
    ...element,
    modifier: array.modifier,
    nameWithModifier: array.nameWithModifier.replace(/(\[\])+$/, ''),
  }
  known.set(array, made)
  return made
}
