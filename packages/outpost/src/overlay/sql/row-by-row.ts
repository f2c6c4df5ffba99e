import { isNode, listOf, namesOf, nodeOf } from './ast.ts'
import type { Statement, TableUse } from './statement.ts'
import { topLeaves } from './top-leaves.ts'

/** Functions of one row that are neither aggregates nor set-returning. Others are taken for either. */
export const rowFunctions: ReadonlySet<string> = new Set(
  `abs age array_length array_position array_to_json array_to_string ascii btrim cardinality ceil ceiling char_length
  character_length chr clock_timestamp concat concat_ws convert_from convert_to date_bin date_part date_trunc decode
  div encode exp extract floor format gen_random_uuid greatest initcap isfinite json_array_length
  json_build_array json_build_object json_extract_path json_extract_path_text json_typeof jsonb_array_length
  jsonb_build_array jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_pretty jsonb_set jsonb_typeof
  justify_hours left length ln log lower lpad ltrim make_date make_interval make_timestamp make_timestamptz md5 mod now
  nullif octet_length position power quote_ident quote_literal regexp_replace repeat replace reverse right round
  row_to_json rpad rtrim sha256 sign split_part sqrt starts_with statement_timestamp strpos substr substring timezone
  to_char to_date to_hex to_json to_jsonb to_number to_timestamp transaction_timestamp translate trim trunc upper`.split(
    /\s+/,
  ),
)

/**
 * True when every row that the statement returns is one row of this table, in the order of the sort and cut by a
 * limit alone: then a returned row whose key is pending is recognised, and no row is missing because of one that
 * was skipped. An OFFSET skips rows unseen, so it does not qualify.
 */
export function isRowByRow(statement: Statement, use: TableUse): boolean {
  const { select } = use.scope
  if (use.scope !== statement.top || select.op !== 'SETOP_NONE') return false
  const from = listOf(select.fromClause)
  if (from.length !== 1 || !isNode(nodeOf(from[0], 'RangeVar'))) return false
  const others = [
    'groupClause',
    'havingClause',
    'distinctClause',
    'windowClause',
    'limitOffset',
    'valuesLists',
  ]
  if (others.some((name) => select[name] !== undefined)) return false
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') return false
  if (!callsRowFunctions([select.targetList, select.sortClause], false)) return false
  const leaves = topLeaves(statement.tokens)
  return leaves?.length === 1 && leaves[0]!.tableWord === undefined
}

/** True when no call below can be an aggregate, a window function or set-returning. */
export function callsRowFunctions(value: unknown, isInside: boolean): boolean {
  if (Array.isArray(value)) return value.every((entry) => callsRowFunctions(entry, isInside))
  if (!isNode(value)) return true
  return Object.entries(value).every(([kind, child]) => {
    if (kind === 'FuncCall' && isNode(child) && !isRowCall(child, isInside)) return false
    return callsRowFunctions(child, isInside || kind === 'SubLink')
  })
}

function isRowCall(call: { readonly [key: string]: unknown }, isInside: boolean): boolean {
  // count(*) belongs to the SELECT that it stands in, never to an outer one.
  if (isInside && call.agg_star === true) return true
  const names = namesOf(call.funcname)
  const isBuiltIn = names.length === 1 || names[0] === 'pg_catalog'
  return isBuiltIn && call.over === undefined && rowFunctions.has((names.at(-1) ?? '').toLowerCase())
}
