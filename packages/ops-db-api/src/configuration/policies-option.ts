import type { ConflictDeclarations, PolicyDeclaration } from 'outpost/migrate'
import type { Option } from './option.ts'

const plain = ['column_merge', 'compare_and_set', 'last_writer', 'append_only'] as const
const form = `table=policy pairs separated by commas; policies are ${plain.join(', ')} and function:schema.name`

/** Conflict policies by table: `public.note=last_writer,public.log=function:public.merge_log`. */
export function policiesOption(
  facts: Pick<Option<unknown>, 'name' | 'description'>,
): Option<ConflictDeclarations> {
  return {
    ...facts,
    form,
    parse: (text) => {
      const pairs = text.split(',').map((pair) => declarationOf(pair.trim()))
      if (pairs.includes(undefined)) return { kind: 'problem', message: `must be ${form}` }
      const declarations = pairs as readonly Declaration[]
      const tables = declarations.map(([table]) => table)
      const twice = tables.find((table, index) => tables.indexOf(table) !== index)
      if (twice !== undefined) return { kind: 'problem', message: `names the table ${twice} twice` }
      return { kind: 'value', value: Object.fromEntries(declarations) }
    },
  }
}

type Declaration = readonly [table: string, policy: PolicyDeclaration]

function declarationOf(pair: string): Declaration | undefined {
  const at = pair.indexOf('=')
  const [table, policy] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
  if (at < 1 || table === '') return undefined
  if (/^function:[^\s.]+\.\S+$/.test(policy)) return [table, { function: policy.slice('function:'.length) }]
  const known = plain.find((name) => name === policy)
  return known && [table, known]
}
