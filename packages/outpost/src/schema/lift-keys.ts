import type { SchemaStep } from './schema-step.ts'

/**
 * Pure: the keys of a conflict set (see `conflict-set.ts`) as the schema behind these steps spells them, so that a
 * write of the new schema finds the elder ones that it follows. The very same array where nothing touches them.
 */
export function liftKeys(keys: readonly string[], steps: readonly SchemaStep[]): readonly string[] {
  let lifted = keys
  for (const step of steps) {
    const change = keyChange(step)
    if (change === undefined) continue
    const next = lifted.flatMap((key) => change(key) ?? [key])
    if (next.length !== lifted.length || next.some((key, index) => key !== lifted[index]))
      lifted = [...new Set(next)]
  }
  return lifted
}

/** What becomes of one key; undefined for one that stays. */
type KeyChange = (key: string) => readonly string[] | undefined

function keyChange(step: SchemaStep): KeyChange | undefined {
  switch (step.kind) {
    case 'rename_table':
      return (key) => inTable(key, step.table, step.to)
    case 'split_table':
      // Whoever writes the one row may mean the other.
      return (key) => {
        const other = inTable(key, step.table, step.to)
        return other && [key, ...other]
      }
    case 'merge_table':
      return (key) => inTable(key, step.from, step.table)
    case 'rename_column':
    case 'drop_column':
    case 'add_column':
    case 'fill_null':
    case 'map_values':
    case 'refuse':
      return undefined
  }
}

const form = /^((?:common\||leaves\|)*(?:pk|uq)\|)(.*)$/s

function inTable(key: string, table: string, to: string): readonly string[] | undefined {
  const [, kind, rest] = form.exec(key) ?? []
  if (kind === undefined || rest === undefined || !rest.startsWith(table)) return undefined
  const behind = rest.slice(table.length)
  return behind === '' || behind.startsWith('|') || behind.startsWith('.')
    ? [`${kind}${to}${behind}`]
    : undefined
}
