import type { ColumnType } from '../../postgres/catalog.ts'
import { expectString } from './check-text.ts'
import { refuse } from './value-problem.ts'

/** One of the enum's labels, exactly. */
export function enumText(value: unknown, type: ColumnType): string {
  const text = expectString(value, `a label of ${type.name}`)
  if (type.labels?.includes(text)) return text
  return refuse(value, `is not one of ${labelList(type.labels ?? [])}`)
}

function labelList(labels: readonly string[]): string {
  const shown = labels.slice(0, 20).join(', ')
  return labels.length > 20 ? `${shown} …` : shown
}
