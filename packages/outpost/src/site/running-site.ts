import type { ClientBase } from 'pg'
import { LsnTracker, type Tracked } from '../applier/lsn-tracker.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { JournalFallback } from '../journal/journal.ts'
import type { Catalog, TableName } from '../postgres/catalog.ts'
import { resolveTable } from '../postgres/resolve-table.ts'
import { Preflight } from '../preflight/preflight.ts'
import { TransactionBuilder } from '../transaction/builder.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionId } from '../transaction/transaction.ts'
import { type Appended, Appender, isHeld } from './appender.ts'
import type { DeadLetters } from './dead-letters/dead-letters-api.ts'
import { Workbench } from './dead-letters/workbench.ts'
import { type DirectQuery, writeDirect } from './direct-write.ts'
import { healthReport } from './health-report.ts'
import { keyTexts } from './key-texts.ts'
import type { MergedReadOptions } from './merged-reads.ts'
import { receiptOf } from './receipts.ts'
import { type AskNode, type ConflictQuery, conflictsOn, type RecordedConflict } from './recorded-conflicts.ts'
import { readRowByKey } from './row-reads.ts'
import { SeenRows } from './seen-rows.ts'
import type {
  AppendOptions,
  BufferStatistics,
  Health,
  ReadAnswer,
  ReadOptions,
  Receipt,
  Site,
  SiteEvent,
  TransactionView,
} from './site-api.ts'
import { SiteEngine } from './site-engine.ts'
import type { SiteParts } from './site-parts.ts'
import { SiteTokens } from './site-tokens.ts'
import { listTransactions, viewTransactions } from './transaction-list.ts'
import { WaitingReads } from './waiting-reads.ts'

const readTimeoutMs = 30_000
const directWriteTimeoutMs = 15_000
const conflictsTimeoutMs = 2_000
const seenTimeoutMs = 1_000

/**
 * A site at work, as its users see it. States: made → `start()` → running → `stop()` → stopped.
 *
 * Invariant: what `append` acknowledged is in the journal and, until the replica shows it, in the overlay.
 */
export class RunningSite implements Site {
  readonly name: string
  readonly type: 'main' | 'secondary'
  readonly readsMainOnly: boolean
  readonly deadLetters: DeadLetters
  readonly #parts: SiteParts
  readonly #engine: SiteEngine
  readonly #tokens: SiteTokens
  readonly #reads: WaitingReads
  readonly #appender: Appender
  readonly #tracker: LsnTracker
  #stopped: Promise<void> | undefined

  constructor(parts: SiteParts) {
    const { settings, journal, catalog, clock, main } = parts
    this.#parts = parts
    this.name = settings.name
    this.type = settings.type
    this.readsMainOnly = settings.type === 'main' && settings.local === undefined
    this.#engine = new SiteEngine(parts)
    this.#tokens = new SiteTokens({ secretKey: settings.secretKey, siteName: settings.name, journal })
    this.#reads = new WaitingReads(this.#engine.reads, clock)
    const standIn = (seq: Seq) => parts.decisions.standIn(seq)
    const preflight = this.#makePreflight()
    this.#appender = new Appender({
      ...parts,
      seenRows: this.#makeSeenRows(),
      catalog: () => catalog.current,
      standIn,
      ...(preflight && { preflight }),
    })
    this.deadLetters = new Workbench({
      ...parts,
      catalog: () => catalog.current,
      appender: this.#appender,
      receipt: (appended) => this.#receipt(appended),
      settled: (decision) => this.#engine.deadLetters.settled(decision),
    })
    this.#tracker = new LsnTracker({
      main: (work) => main.run(directWriteTimeoutMs, work),
      replica: (sql, values) => this.#engine.askReplica(sql, values),
      lineage: () => this.#engine.lineage,
      clock,
      intervalMs: settings.lsnCheckIntervalMs,
      timeoutMs: settings.lsnTimeoutMs,
    })
  }

  #makeSeenRows(): SeenRows {
    const { catalog, overlay, replica, clock } = this.#parts
    const options = { timeoutMs: seenTimeoutMs, node: replica ? 'replica' : 'main' } as const
    return new SeenRows({
      clock,
      catalog: () => catalog.current,
      read: async (table, key) => (await readRowByKey(table, key, overlay, this.#reads, options))?.row,
    })
  }

  #makePreflight(): Preflight | undefined {
    const { settings, catalog, overlay, replica, journal, clock } = this.#parts
    if (!settings.preflight) return undefined
    return new Preflight({
      ...settings.preflight,
      clock,
      catalog: () => catalog.current,
      overlay,
      read: (sql, values, options) => this.#engine.reads.read(sql, values, options),
      canAskMain: () => replica !== undefined && this.#engine.isMainConnected,
      isHeld: (seq) => isHeld(journal.status(seq).state),
    })
  }

  async start(): Promise<void> {
    await this.#engine.start()
  }

  get catalog(): Catalog {
    return this.#parts.catalog.current
  }

  get durability(): 'full' | 'relaxed' {
    return this.#parts.journal.durability
  }

  get fallback(): JournalFallback | undefined {
    return this.#parts.journal.sharing?.fallback
  }

  get isMainConnected(): boolean {
    return this.#engine.isMainConnected
  }

  transaction(): TransactionBuilder {
    return new TransactionBuilder(this.catalog, {
      clock: this.#parts.clock,
      drawKey: (table, column) => this.#engine.keys.draw(table, column),
    })
  }

  async append(transaction: TransactionBuilder, options: AppendOptions = {}): Promise<Receipt> {
    if (this.#stopped) throw new OutpostError('site_stopped', `Site ${this.name} is stopping.`)
    try {
      await this.#engine.keys.settle()
      return this.#receipt(await this.#appender.append(transaction, options))
    } catch (error) {
      this.#engine.facts.appendFailed(error)
      throw error
    }
  }

  async read<Row>(
    sql: string,
    values: readonly unknown[] = [],
    options: ReadOptions = {},
  ): Promise<ReadAnswer<Row>> {
    return await this.#reads.read<Row>(sql, values, await this.#readOptions(options))
  }

  async readRow(
    table: TableName,
    key: Readonly<Record<string, unknown>>,
    options: ReadOptions = {},
  ): Promise<{ readonly row: TextRow; readonly state: TransactionState } | undefined> {
    await this.#parts.journal.catchUp()
    const found = resolveTable(this.catalog, table)
    return await readRowByKey(
      found,
      keyTexts(found, key),
      this.#parts.overlay,
      this.#reads,
      await this.#readOptions(options),
    )
  }

  async pendingRow(table: TableName, key: Readonly<Record<string, unknown>>) {
    await this.#parts.journal.catchUp()
    const found = resolveTable(this.catalog, table)
    const pending = await this.#parts.overlay.row(found.name, keyTexts(found, key))
    return pending && { kind: pending.kind, row: pending.image, state: pending.state }
  }

  async recentChanges(
    table: TableName,
    key: Readonly<Record<string, unknown>>,
  ): Promise<TextRow | undefined> {
    const found = resolveTable(this.catalog, table)
    return await this.#engine.ownChanges.of(found, keyTexts(found, key))
  }

  rowState(table: TableName, key: Readonly<Record<string, unknown>>): TransactionState {
    const found = resolveTable(this.catalog, table)
    return this.#parts.overlay.stateOf(found.name, keyTexts(found, key))
  }

  async writeMain(
    statements: (query: DirectQuery) => Promise<{ status: number; body: unknown }>,
    options = {},
  ) {
    const { lineage } = this.#engine
    return await writeDirect(this.#parts.main, statements, {
      timeoutMs: directWriteTimeoutMs,
      ...options,
      site: this.#parts.settings.name,
      lineage,
    })
  }

  async executeAndTrack<T>(
    work: (client: Pick<ClientBase, 'query'>) => Promise<T>,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Tracked<T>> {
    const { settings } = this.#parts
    const limited = settings.lsnTracking ? options : { ...options, timeoutMs: 0 }
    return await this.#tracker.executeAndTrack(work, limited)
  }

  async acceptMain(): Promise<void> {
    this.#refuseFollower()
    this.#engine.applier.acceptMain()
  }

  async releaseAttempts(): Promise<void> {
    await this.#engine.applier.releaseAttempts()
  }

  async resumeApplying(): Promise<void> {
    this.#refuseFollower()
    this.#engine.applier.resume()
  }

  async releaseUnconfirmed(): Promise<number> {
    this.#refuseFollower()
    return await this.#engine.releaseUnconfirmed()
  }

  checkToken(token: string): void {
    this.#tokens.read(token)
  }

  async transactionById(id: TransactionId): Promise<TransactionView | undefined> {
    const { journal, decisions } = this.#parts
    await journal.catchUp()
    const record = await journal.findById(id)
    return record && (await viewTransactions(journal, [record], decisions))[0]
  }

  async transactions(
    options: { readonly state?: TransactionState; readonly after?: number; readonly limit?: number } = {},
  ): Promise<readonly TransactionView[]> {
    await this.#parts.journal.catchUp()
    return await listTransactions(this.#parts.journal, options, this.#parts.decisions)
  }

  async conflicts(query: ConflictQuery = {}): Promise<readonly RecordedConflict[]> {
    if (!this.catalog.policies) return []
    const { main, replica } = this.#parts
    const askMain: AskNode = (sql, values) =>
      main.run(conflictsTimeoutMs, async (client) => (await client.query(sql, [...values])).rows, {
        insists: true,
      })
    if (!replica) return await conflictsOn(askMain, query)
    const here = await conflictsOn((sql, values) => this.#engine.askReplica(sql, values), query).catch(
      () => undefined,
    )
    if (here && (here.length > 0 || query.transaction === undefined)) return here
    return await conflictsOn(askMain, query).catch((error: unknown) => {
      // The replica has answered: what main knows beyond that is told another time.
      if (here) return here
      throw error
    })
  }

  async health(): Promise<Health> {
    return await healthReport(this.#parts, this.#engine)
  }

  bufferStatistics(): BufferStatistics {
    return this.#engine.facts.bufferStatistics(this.#parts.journal.statistics())
  }

  onEvent(listener: (event: SiteEvent) => void, kinds?: readonly SiteEvent['kind'][]): () => void {
    return this.#engine.events.on(listener, kinds)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    await this.#engine.stop()
    await this.#parts.journal.stop()
    const { main, replica, standby, watch } = this.#parts
    await Promise.all([main.stop(), replica?.stop(), standby?.stop(), watch.stop()])
  }

  #receipt(appended: Appended): Receipt {
    const { journal, settings } = this.#parts
    const { waiters } = this.#engine
    return receiptOf(appended, { journal, waiters, tokens: this.#tokens, timeoutMs: settings.lsnTimeoutMs })
  }

  /** What an operator decides is decided where the journal is drained. */
  #refuseFollower(): void {
    if (this.#parts.journal.sharing?.isLeading ?? true) return
    throw new OutpostError('not_leading', `Another process of site ${this.name} drains the journal.`)
  }

  async #readOptions({ token, node, timeoutMs = readTimeoutMs }: ReadOptions): Promise<MergedReadOptions> {
    const common = { timeoutMs, ...(node && { node }) }
    if (token === undefined) return common
    // A record of this journal that another process has appended is no other site's (N23).
    await this.#parts.journal.catchUp()
    const seen = this.#tokens.foreign(this.#tokens.read(token))
    return seen.length === 0 ? common : { ...common, seen }
  }
}
