import type { EventEmitter } from 'node:events'
import pg from 'pg'

/** A statement that raises an error when the read after it must not run here. */
export interface Guard {
  readonly text: string
  /** In PostgreSQL's text format. */
  readonly values: readonly (string | null)[]
}

export type GuardedAnswer<Row extends pg.QueryResultRow> =
  | {
      readonly kind: 'served'
      readonly result: pg.QueryResult<Row>
      /** What the guard returned, as text. */
      readonly guardRows: readonly (readonly (string | null)[])[]
    }
  /** The guard raised; the server skipped the read and the connection is as usable as before. */
  | { readonly kind: 'refused'; readonly error: pg.DatabaseError }

/**
 * Runs a guard and a read in one flush on one connection, so that the check costs no round trip and holds behind a
 * pooler or load balancer too (E4). Rejects with the read's error, or with the connection's.
 *
 * Both see their own snapshot only under READ COMMITTED: a role or database whose default isolation is higher makes
 * the check unsafe (E3, see `defaultIsolation` of `readServerFacts`). Must not run inside an open transaction.
 */
export function guardedQuery<Row extends pg.QueryResultRow>(
  client: Pick<pg.ClientBase, 'query'>,
  guard: Guard,
  read: pg.QueryConfig,
): Promise<GuardedAnswer<Row>> {
  return new Promise((resolve, reject) => {
    const query = new GuardedQuery(guard, read, (error, result) => {
      const { phase, guardRows } = query
      if (error === null) resolve({ kind: 'served', result: result as pg.QueryResult<Row>, guardRows })
      else if (phase === 'guard' && error instanceof pg.DatabaseError) resolve({ kind: 'refused', error })
      else reject(error)
    })
    client.query(query as unknown as pg.Submittable)
  })
}

/** The parts of the driver's connection that a query speaks to; they are not in its types. */
interface ProtocolConnection extends EventEmitter {
  readonly parsedStatements: Record<string, string | undefined>
  parse(statement: { readonly text: string; readonly name: string }): void
  bind(portal: {
    readonly portal: string
    readonly statement: string
    readonly values: readonly (string | null)[]
  }): void
  describe(target: { readonly type: 'P'; readonly name: string }): void
  execute(portal: { readonly portal: string; readonly rows: number }): void
}

interface RowMessage {
  readonly fields: readonly (string | null)[]
}

/** The driver's query as a subclass sees it. */
interface ProtocolQuery {
  readonly name?: string
  hasBeenParsed(connection: ProtocolConnection): unknown
  prepare(connection: ProtocolConnection): void
  handleRowDescription(message: unknown): void
  handleDataRow(message: RowMessage): void
  handleCommandComplete(message: unknown, connection: ProtocolConnection): void
  handleEmptyQuery(connection: ProtocolConnection): void
  handleError(error: Error, connection: ProtocolConnection): void
  handleReadyForQuery(connection: ProtocolConnection): void
}

type Callback = (error: Error | null, result: unknown) => void

const BaseQuery = pg.Query as unknown as new (
  config: pg.QueryConfig,
  values: undefined,
  callback: Callback,
) => ProtocolQuery

/**
 * States: `guard` → (the guard's command is complete) → `read`. Every message belongs to the guard until then, and to
 * the driver's own handling of the read after.
 *
 * The driver takes any ParseComplete for that of the named statement under way. Here the first one is the guard's:
 * when the guard then raises, the server never saw the read's Parse while the driver believes that the name is
 * prepared, and every later use fails with 26000. So the mark is taken back, and only the second one sets it.
 */
class GuardedQuery extends BaseQuery {
  phase: 'guard' | 'read' = 'guard'
  readonly guardRows: (readonly (string | null)[])[] = []
  readonly #guard: Guard
  #stopWatching: () => void = () => undefined

  constructor(guard: Guard, read: pg.QueryConfig, callback: Callback) {
    super(read, undefined, callback)
    this.#guard = guard
  }

  /** Also a read without values goes by the extended protocol: only there can two statements share one Sync. */
  requiresPreparation(): boolean {
    return true
  }

  override prepare(connection: ProtocolConnection): void {
    this.#watchParsing(connection)
    connection.parse({ text: this.#guard.text, name: '' })
    connection.bind({ portal: '', statement: '', values: this.#guard.values })
    connection.describe({ type: 'P', name: '' })
    connection.execute({ portal: '', rows: 0 })
    super.prepare(connection)
  }

  override handleRowDescription(message: unknown): void {
    if (this.phase === 'read') super.handleRowDescription(message)
  }

  override handleDataRow(message: RowMessage): void {
    if (this.phase === 'read') super.handleDataRow(message)
    else this.guardRows.push([...message.fields])
  }

  override handleCommandComplete(message: unknown, connection: ProtocolConnection): void {
    if (this.phase === 'read') super.handleCommandComplete(message, connection)
    else this.phase = 'read'
  }

  override handleEmptyQuery(connection: ProtocolConnection): void {
    if (this.phase === 'read') super.handleEmptyQuery(connection)
    else this.phase = 'read'
  }

  override handleError(error: Error, connection: ProtocolConnection): void {
    this.#stopWatching()
    super.handleError(error, connection)
  }

  override handleReadyForQuery(connection: ProtocolConnection): void {
    this.#stopWatching()
    super.handleReadyForQuery(connection)
  }

  #watchParsing(connection: ProtocolConnection): void {
    const { name } = this
    if (!name || this.hasBeenParsed(connection)) return
    const onFirst = () => {
      delete connection.parsedStatements[name]
    }
    // The driver's own listener came first, so this runs after it has set the mark.
    connection.once('parseComplete', onFirst)
    this.#stopWatching = () => connection.off('parseComplete', onFirst)
  }
}
