import type { ClientBase, QueryResult } from 'pg'
import { readHistory } from '../schema/schema-history.ts'
import type { Catalog, TableName } from './catalog.ts'
import {
  columnsQuery,
  constraintsQuery,
  functionsQuery,
  historyQuery,
  indexesQuery,
  serverQuery,
  tablesQuery,
  typesQuery,
  viewsQuery,
} from './catalog-queries.ts'
import { catalogVersion } from './catalog-version.ts'
import { type FunctionRow, unsafeFunctions } from './introspect-functions.ts'
import {
  assembleTables,
  type ColumnRow,
  type ConstraintRow,
  type IndexRow,
  type TableRow,
} from './introspect-tables.ts'
import type { TypeRow } from './introspect-types.ts'
import { quoteLiteral } from './quote.ts'
import { valueForms } from './session-settings.ts'
import { sqlstateOf } from './sqlstate.ts'

export interface IntrospectOptions {
  /** Schemas whose tables may be recorded to, and in which unqualified names are looked up. Default `['public']`. */
  readonly schemas?: readonly string[]
  /** Wall clock for `readAtMs`; the machine's when left out. */
  readonly nowMs?: () => number
}

interface ViewRow {
  readonly name: TableName
  readonly schema: string
  readonly relation: string
  readonly sql: string | null
  readonly columns: readonly string[] | null
  readonly isMaterialized: boolean
  readonly isSecurityBarrier: boolean
}

/**
 * Reads what a site must know of the schema, from main or from a replica, in one round trip and one snapshot.
 *
 * The statements go as one message, which PostgreSQL runs in one implicit transaction: the settings are local to it,
 * so nothing leaks into the connection, also behind a transaction-mode pooler. It must not be called inside an open
 * transaction. Needs no privilege beyond connecting.
 */
export async function introspect(
  client: Pick<ClientBase, 'query'>,
  options: IntrospectOptions = {},
): Promise<Catalog> {
  const schemas = options.schemas ?? ['public']
  const results = await ask(client, statements(schemas))
  const answers = results
    .filter((result) => result.command === 'SELECT')
    .map((result) => result.rows[0]?.json)
  const [server, tables, columns, types, constraints, indexes, views, functions, history] = answers as [
    { readonly serverVersion: number },
    readonly TableRow[],
    readonly ColumnRow[],
    readonly TypeRow[],
    readonly ConstraintRow[],
    readonly IndexRow[],
    readonly ViewRow[],
    readonly FunctionRow[],
    unknown,
  ]
  const content = {
    searchPath: schemas,
    tables: assembleTables({ tables, columns, types, constraints, indexes }),
    views: assembleViews(views),
    userFunctions: unsafeFunctions(functions),
    ...(history === undefined ? {} : { history: readHistory(history) }),
  }
  return {
    version: catalogVersion(content),
    readAtMs: (options.nowMs ?? Date.now)(),
    serverVersion: server.serverVersion,
    ...content,
  }
}

function statements(schemas: readonly string[]): readonly string[] {
  const chosen = `ARRAY[${schemas.map(quoteLiteral).join(', ')}]::text[]`
  return [
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    'SET LOCAL search_path TO pg_catalog, pg_temp',
    // Compiling these catalog queries takes twenty times as long as running them.
    'SET LOCAL jit TO off',
    // Expressions are compared as text: a role that has names quoted would make every default one that only main knows.
    'SET LOCAL quote_all_identifiers TO off',
    ...valueForms.map(([name, value]) => `SET LOCAL ${name} TO ${quoteLiteral(value)}`),
    serverQuery,
    tablesQuery(chosen),
    columnsQuery(chosen),
    typesQuery(chosen),
    constraintsQuery(chosen),
    indexesQuery(chosen),
    viewsQuery,
    functionsQuery,
  ]
}

/** pg answers several statements with one result each, which its types do not say. */
type Answers = readonly QueryResult<{ json: unknown }>[]

/** With the history of the schema where the server keeps one that the role may read, in the same snapshot. */
async function ask(client: Pick<ClientBase, 'query'>, texts: readonly string[]): Promise<Answers> {
  const send = async (parts: readonly string[]) =>
    (await client.query(parts.join(';\n'))) as unknown as Answers
  try {
    return await send([...texts, historyQuery])
  } catch (error) {
    if (!withoutHistory.has(sqlstateOf(error) ?? '')) throw error
    return await send(texts)
  }
}

/** No such schema or table, or no right to it: a database without Outpost's tables, or with those of an earlier version. */
const withoutHistory: ReadonlySet<string> = new Set(['3F000', '42P01', '42501'])

function assembleViews(rows: readonly ViewRow[]): Catalog['views'] {
  // A view dropped by a concurrent migration has no definition any more.
  const existing = rows.flatMap((row) =>
    row.sql === null ? [] : [{ ...row, sql: row.sql, columns: row.columns ?? [] }],
  )
  return new Map(existing.map((view) => [view.name, view]))
}
