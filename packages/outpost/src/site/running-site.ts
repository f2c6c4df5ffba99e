import type { PoolClient } from 'pg'
import { Applier } from '../applier/applier.ts'
import { Confirmer, type ReplicaState } from '../applier/confirmer.ts'
import { pgMainSessions } from '../applier/pg-main-session.ts'
import { Retainer } from '../applier/retainer.ts'
import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Journal, StatusChange } from '../journal/journal.ts'
import { tableRules } from '../ledger/table-rules.ts'
import { judgeHealth } from '../observing/health.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Catalog, TableName } from '../postgres/catalog.ts'
import { connectionConfig } from '../postgres/connection-config.ts'
import { resolveTable } from '../postgres/resolve-table.ts'
import { TransactionBuilder } from '../transaction/builder.ts'
import type { DependencyIndex } from '../transaction/dependency-index.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Epoch, Seq, TransactionId, TransactionRecord } from '../transaction/transaction.ts'
import { Appender } from './appender.ts'
import type { CatalogSource } from './catalog-source.ts'
import { type DirectQuery, writeDirect } from './direct-write.ts'
import { keyTexts } from './key-texts.ts'
import { MergedReads } from './merged-reads.ts'
import type { NodeName, NodePool } from './node-pool.ts'
import type { SiteSeams } from './open-site.ts'
import { promotablePositions } from './promotable.ts'
import { PutBack } from './put-back.ts'
import { receiptOf } from './receipts.ts'
import { readRowByKey } from './row-reads.ts'
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
import { SiteChores } from './site-chores.ts'
import { SiteEvents } from './site-events.ts'
import { SiteFacts } from './site-facts.ts'
import type { SiteSettings } from './site-settings.ts'
import { SiteTokens } from './site-tokens.ts'
import { StateWaiters } from './state-waiters.ts'
import { waitForToken } from './token-wait.ts'
import { listTransactions } from './transaction-list.ts'

export interface RunningSiteParts {
  readonly settings: SiteSettings
  readonly clock: Clock
  readonly catalog: CatalogSource
  readonly main: NodePool
  readonly replica: NodePool | undefined
  /** Connections of its own to where the site reads: a crowd of reads must not look like a node that is away. */
  readonly watch: NodePool
  readonly journal: Journal
  readonly overlay: Overlay
  readonly dependencies: DependencyIndex
  readonly seams: SiteSeams
}

const readTimeoutMs = 30_000
const directWriteTimeoutMs = 15_000
const replicaQueryTimeoutMs = 2_000
/** Transactions told about at once. */
const eventChunk = 200

/**
 * A site at work. States: made → `start()` → running → `stop()` → stopped.
 *
 * Invariant: what `append` acknowledged is in the journal and, until the replica shows it, in the overlay.
 */
export class RunningSite implements Site {
  readonly name: string
  readonly type: 'main' | 'secondary'
  readonly #parts: RunningSiteParts
  readonly #events = new SiteEvents()
  readonly #facts: SiteFacts
  readonly #tokens: SiteTokens
  readonly #waiters: StateWaiters
  readonly #appender: Appender
  readonly #reads: MergedReads
  readonly #putBack: PutBack
  readonly #applier: Applier
  readonly #confirmer: Confirmer
  readonly #retainer: Retainer
  readonly #chores: SiteChores
  #lineage: { readonly id: string; readonly lsn: string } | undefined
  #stopped: Promise<void> | undefined

  constructor(parts: RunningSiteParts) {
    const { settings, clock, journal, overlay, main, replica, catalog } = parts
    this.#parts = parts
    this.name = settings.name
    this.type = settings.type
    this.#facts = new SiteFacts(clock)
    this.#tokens = new SiteTokens({ secretKey: settings.secretKey, siteName: settings.name, journal })
    this.#waiters = new StateWaiters((seq) => journal.status(seq))
    this.#appender = new Appender({ ...parts, catalog: () => catalog.current })
    const lineage = () => this.#lineage?.id
    const ledgerEpoch = (epoch: Epoch) => this.#applier.epochOf(epoch)
    const query = (sql: string, values: readonly unknown[]) => this.#askReplica(sql, values)
    this.#putBack = new PutBack({ siteName: settings.name, journal, overlay, lineage, ledgerEpoch, query })
    this.#reads = new MergedReads({
      siteName: settings.name,
      journal,
      overlay,
      main,
      replica,
      lineage,
      ledgerEpoch,
      putBack: () => this.#putBack.all(),
      onUncovered: () => this.#confirmer.wake(),
    })
    this.#applier = this.#makeApplier()
    this.#confirmer = new Confirmer({
      site: settings.name,
      journal,
      clock,
      query,
      lineage: () => this.#lineage,
      epochOf: ledgerEpoch,
      intervalMs: settings.lsnCheckIntervalMs,
      onConfirmed: (seqs, changes) => {
        this.#putBack.confirmed(inCommitOrder(seqs, journal))
        this.#statusesChanged(changes)
      },
      onReplica: (state) => this.#replicaChanged(state),
    })
    this.#chores = new SiteChores({ ...parts, putBack: this.#putBack })
    this.#retainer = new Retainer({
      journal,
      clock,
      retentionMs: settings.journalRetentionMs,
      lineage,
      promotable: () => promotablePositions(main, settings.promotableStandbys),
      onStatus: (changes) => this.#statusesChanged(changes),
      onAlarm: (alarm) => this.#events.emit({ kind: 'alarm', ...alarm }),
    })
  }

  /** Nothing here waits for a database. */
  async start(): Promise<void> {
    const { journal, overlay, dependencies } = this.#parts
    this.#lineage = readLineage(journal.getFact(lineageFact))
    // Only what was held is proven when it leaves, so it is held for a moment.
    const taken = newestConfirmed(journal)
    overlay.fold(await journal.getMany(taken))
    overlay.takeOut(inCommitOrder(taken, journal))
    journal.onDurable((records) => {
      overlay.fold(records)
      for (const record of records) dependencies.add(record)
      this.#applier.wake()
      this.#appended(records)
    })
    this.#applier.start()
    this.#confirmer.start()
    this.#retainer.start()
    this.#chores.start()
  }

  get catalog(): Catalog {
    return this.#parts.catalog.current
  }

  get isMainConnected(): boolean {
    return this.#facts.main.isConnected
  }

  transaction(): TransactionBuilder {
    return new TransactionBuilder(this.catalog, { clock: this.#parts.clock })
  }

  async append(transaction: TransactionBuilder, options: AppendOptions = {}): Promise<Receipt> {
    if (this.#stopped) throw new OutpostError('site_stopped', `Site ${this.name} is stopping.`)
    try {
      const appended = await this.#appender.append(transaction, options)
      const { journal, settings } = this.#parts
      const context = {
        journal,
        waiters: this.#waiters,
        tokens: this.#tokens,
        timeoutMs: settings.lsnTimeoutMs,
      }
      return receiptOf(appended, context)
    } catch (error) {
      this.#facts.appendFailed(error)
      throw error
    }
  }

  async read<Row>(
    sql: string,
    values: readonly unknown[] = [],
    options: ReadOptions = {},
  ): Promise<ReadAnswer<Row>> {
    const node = await this.#waitFor(options.token)
    return await this.#reads.read<Row>(sql, values, readOptions(options, node))
  }

  async readRow(
    table: TableName,
    key: Readonly<Record<string, unknown>>,
    options: ReadOptions = {},
  ): Promise<{ readonly row: TextRow; readonly state: TransactionState } | undefined> {
    const node = await this.#waitFor(options.token)
    await this.#parts.journal.catchUp()
    const found = resolveTable(this.catalog, table)
    return await readRowByKey(
      found,
      keyTexts(found, key),
      this.#parts.overlay,
      this.#reads,
      readOptions(options, node),
    )
  }

  async pendingRow(table: TableName, key: Readonly<Record<string, unknown>>) {
    await this.#parts.journal.catchUp()
    const found = resolveTable(this.catalog, table)
    const pending = await this.#parts.overlay.row(found.name, keyTexts(found, key))
    return pending && { kind: pending.kind, row: pending.image, state: pending.state }
  }

  rowState(table: TableName, key: Readonly<Record<string, unknown>>): TransactionState {
    const found = resolveTable(this.catalog, table)
    return this.#parts.overlay.stateOf(found.name, keyTexts(found, key))
  }

  async writeMain(
    statements: (query: DirectQuery) => Promise<{ status: number; body: unknown }>,
    options = {},
  ) {
    return await writeDirect(this.#parts.main, statements, { timeoutMs: directWriteTimeoutMs, ...options })
  }

  async acceptMain(): Promise<void> {
    this.#applier.acceptMain()
  }

  async releaseAttempts(): Promise<void> {
    await this.#applier.releaseAttempts()
  }

  async transactionById(id: TransactionId): Promise<TransactionView | undefined> {
    const { journal } = this.#parts
    const record = await journal.findById(id)
    return record && { record, status: journal.status(record.seq) }
  }

  async transactions(
    options: { readonly state?: TransactionState; readonly after?: number; readonly limit?: number } = {},
  ): Promise<readonly TransactionView[]> {
    return await listTransactions(this.#parts.journal, options)
  }

  async health(): Promise<Health> {
    const { journal, settings, replica } = this.#parts
    const facts = this.#facts
    const lag = await facts.lag(settings.name, (sql, values) => this.#askReplica(sql, values))
    return judgeHealth({
      site: {
        name: this.name,
        type: this.type,
        epoch: journal.epoch,
        journal: 'lmdb',
        durability: journal.durability,
      },
      journal: journal.statistics(),
      journalFailure: facts.journalFailure ?? journal.appendRefusal?.()?.message,
      journalMaxBytes: settings.journalMaxBytes,
      oldestPendingMs: await this.#oldestPendingMs(),
      bufferAlarmSize: settings.bufferAlarmSize,
      main: facts.main,
      replica: replica ? facts.replica : 'unused',
      applier: facts.applier(this.#applier.state),
      pausedBy: this.#applier.pausedBy,
      lagSeconds: lag.seconds,
      mainLsn: facts.mainLsn,
      replicaLsn: lag.replicaLsn,
    })
  }

  bufferStatistics(): BufferStatistics {
    return this.#facts.bufferStatistics(this.#parts.journal.statistics())
  }

  onEvent(listener: (event: SiteEvent) => void, kinds?: readonly SiteEvent['kind'][]): () => void {
    return this.#events.on(listener, kinds)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    await Promise.all([
      this.#applier.stop(),
      this.#confirmer.stop(),
      this.#retainer.stop(),
      this.#chores.stop(),
    ])
    await this.#parts.journal.stop()
    await Promise.all([this.#parts.main.stop(), this.#parts.replica?.stop(), this.#parts.watch.stop()])
  }

  #makeApplier(): Applier {
    const { settings, clock, journal, overlay, catalog, seams } = this.#parts
    const config = connectionConfig(settings.main, { applicationName: `outpost ${settings.name} applier` })
    const open = pgMainSessions({ config, clock })
    let rules = { version: '', of: tableRules(undefined) }
    return new Applier({
      site: settings.name,
      journal,
      clock,
      openSession: seams.sessions?.(open) ?? open,
      random: Math.random,
      rules: () => {
        const { current } = catalog
        if (rules.version !== current.version) rules = { version: current.version, of: tableRules(current) }
        return rules.of
      },
      retryAttempts: settings.retryAttempts,
      retryDelayMs: settings.retryDelayMs,
      idleIntervalMs: settings.idleIntervalMs,
      onStatus: (changes) => {
        this.#statusesChanged(changes)
        this.#confirmer.wake()
      },
      onRedrive: (records) => overlay.putBack(records),
      onLineage: async (news) => {
        if (news.lineage !== this.#lineage?.id) {
          if (this.#lineage) await this.#putBack.all()
          this.#lineage = { id: news.lineage, lsn: news.lineageLsn }
          await journal.setFact(lineageFact, JSON.stringify(this.#lineage))
        }
        this.#events.emit({ kind: 'lineage', lineage: news.lineage, redriven: news.redriven })
        this.#confirmer.wake()
      },
      onLink: (state, reason) => {
        this.#facts.main = { isConnected: state === 'connected', ...(reason && { reason }) }
        if (state === 'connected') this.#parts.main.noteReachable()
        else this.#parts.main.noteUnreachable()
        this.#events.emit({ kind: 'link', main: state, ...(reason && { reason }) })
      },
      onAlarm: (alarm) => this.#events.emit({ kind: 'alarm', ...alarm }),
      onBatch: (batch) => this.#facts.batchFinished(batch),
      onPosition: (position) => {
        this.#facts.mainPosition = position
      },
    })
  }

  #askReplica(sql: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    const node = this.#parts.watch
    const work = async (client: PoolClient) => (await client.query(sql, [...values])).rows
    return node.run(replicaQueryTimeoutMs, work, { insists: true })
  }

  /** The node that was seen to have what the token names, when it names anything from elsewhere. */
  async #waitFor(token: string | undefined): Promise<NodeName | undefined> {
    if (token === undefined) return undefined
    return await waitForToken(token, { tokens: this.#tokens, reads: this.#reads, clock: this.#parts.clock })
  }

  #appended(records: readonly TransactionRecord[]): void {
    if (!this.#events.hasListenersFor('transaction')) return
    for (const { id, seq, bufferedAtMs } of records) {
      this.#events.emit({ kind: 'transaction', id, seq, state: 'buffered', atMs: bufferedAtMs })
    }
  }

  #statusesChanged(changes: readonly StatusChange[]): void {
    for (const change of changes) this.#waiters.changed(change.from, change.to)
    if (this.#events.hasListenersFor('transaction')) void this.#tellStatuses(changes)
  }

  /** In pieces with a breath between them: a whole retained backlog may change its state at once. */
  async #tellStatuses(changes: readonly StatusChange[]): Promise<void> {
    const { journal, clock } = this.#parts
    for (const { from, to, status } of changes) {
      for (let first = from; first <= to; first += eventChunk) {
        const length = Math.min(eventChunk, to - first + 1)
        const seqs = Array.from({ length }, (_, index) => first + index)
        for (const { id, seq } of await journal.getMany(seqs)) {
          this.#events.emit({ kind: 'transaction', id, seq, state: status.state, atMs: clock.nowMs() })
        }
        if (first + length <= to) await clock.sleep(0)
      }
    }
  }

  #replicaChanged(state: ReplicaState): void {
    if (state === 'unreachable') this.#parts.replica?.noteUnreachable()
    else this.#parts.replica?.noteReachable()
    const replica = state === 'behind' ? 'connected' : state
    if (replica === this.#facts.replica) return
    this.#facts.replica = replica
    this.#events.emit({ kind: 'replica', replica })
  }

  async #oldestPendingMs(): Promise<number> {
    const { journal, clock } = this.#parts
    const seqs = [...journal.seqsIn('buffered', { limit: 1 }), ...journal.seqsIn('parked', { limit: 1 })]
    if (seqs.length === 0) return 0
    const [oldest] = await journal.getMany([Math.min(...seqs)])
    return oldest ? Math.max(0, clock.nowMs() - oldest.bufferedAtMs) : 0
  }
}

const lineageFact = 'site_lineage'

function readLineage(fact: string | undefined): { readonly id: string; readonly lsn: string } | undefined {
  return fact === undefined ? undefined : (JSON.parse(fact) as { id: string; lsn: string })
}

/** Confirmed transactions looked at for the floor that a restart begins with. */
const confirmedAtStart = 1_000

/** The newest that had been confirmed, ascending: what each statement has to prove after a restart, too (N17). */
function newestConfirmed(journal: Journal): readonly Seq[] {
  const seqs: Seq[] = []
  for (let seq = journal.lastSeq; seq >= journal.firstSeq && seqs.length < confirmedAtStart; seq -= 1) {
    const { state } = journal.status(seq)
    if (state === 'replicated' || state === 'retained') seqs.push(seq)
  }
  return seqs.reverse()
}

/** One that had waited committed after its elders: a node that shows them need not show it. */
function inCommitOrder(seqs: readonly Seq[], journal: Journal): readonly Seq[] {
  const order = seqs.map((seq) => ({ seq, atMs: journal.status(seq).appliedAtMs ?? 0 }))
  return order.sort((a, b) => a.atMs - b.atMs || a.seq - b.seq).map(({ seq }) => seq)
}

/** What a token needs was seen on one node: the read goes to that one. */
function readOptions(options: ReadOptions, proven?: NodeName) {
  const node = options.node ?? proven
  return { timeoutMs: options.timeoutMs ?? readTimeoutMs, ...(node && { node }) }
}
