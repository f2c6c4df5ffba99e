import { type ClientBase, DatabaseError } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import type { ConflictPolicy } from '../postgres/catalog.ts'

/** A policy as it is declared: by its name, or an own SQL function by the function's. */
export type PolicyDeclaration =
  | Exclude<ConflictPolicy, 'function'>
  /** Later than the clock of main by more than this, a stamp counts as main's own time. Default 60,000 ms. */
  | { readonly policy: 'last_writer'; readonly aheadMs: number }
  /** `schema.name` of a function (table text, key, base, mine, theirs jsonb) that returns the row as jsonb, or null. */
  | { readonly function: string }

/** Conflict policies by table, as SQL writes it: `public.observation`. */
export type ConflictDeclarations = Readonly<Record<string, PolicyDeclaration>>

export interface DeclaredPolicy {
  readonly table: string
  readonly policy: ConflictPolicy
  readonly function?: string
  readonly aheadMs: number
}

/**
 * Declares on main what becomes of a change whose row somebody else has changed meanwhile; `undefined` takes a table's
 * policy back. Run by the owner of the schema; repeating it changes nothing. It holds from the next batch of each site on.
 * Answers the table's name as main has it. Errors: `conflicts_refused`.
 *
 * @example
 * await setConflictPolicy(client, 'public.observation', 'compare_and_set')
 */
export async function setConflictPolicy(
  client: ClientBase,
  table: string,
  declaration: PolicyDeclaration | undefined,
): Promise<string> {
  const { policy, name, aheadMs } = partsOf(declaration)
  try {
    const { rows } = await client.query<{ table: string }>(
      'SELECT outpost.set_conflict_policy($1, $2, $3, $4) AS "table"',
      [table, policy, name, aheadMs],
    )
    return rows[0]!.table
  } catch (error) {
    throw refused(table, error)
  }
}

/** Every policy that main knows, by table. */
export async function conflictPolicies(
  client: Pick<ClientBase, 'query'>,
): Promise<readonly DeclaredPolicy[]> {
  const { rows } = await client.query<{
    readonly table: string
    readonly policy: ConflictPolicy
    readonly function: string | null
    readonly ahead: number
  }>(
    `SELECT outpost.name_of(table_id) AS "table", policy, function_name AS function, ahead_ms AS ahead
     FROM outpost.conflict_policy WHERE outpost.name_of(table_id) IS NOT NULL ORDER BY 1`,
  )
  return rows.map(({ table, policy, function: name, ahead }) => ({
    table,
    policy,
    ...(name !== null && { function: name }),
    aheadMs: ahead,
  }))
}

function partsOf(declaration: PolicyDeclaration | undefined) {
  if (declaration === undefined || typeof declaration === 'string')
    return { policy: declaration ?? null, name: null, aheadMs: null }
  if ('function' in declaration) return { policy: 'function', name: declaration.function, aheadMs: null }
  return { policy: declaration.policy, name: null, aheadMs: declaration.aheadMs }
}

/** What the function on main refuses, a name that SQL cannot read and an impossible bound are no failure of main. */
function refused(table: string, error: unknown): unknown {
  const codes = ['OP005', '23514', '42601', '42602', '22P02', '42704']
  if (!(error instanceof DatabaseError) || !codes.includes(error.code ?? '')) return error
  return new OutpostError(
    'conflicts_refused',
    `The policy of ${table} cannot be declared: ${error.message}.`,
    {
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    },
  )
}
