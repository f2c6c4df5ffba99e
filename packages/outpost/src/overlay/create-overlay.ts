import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Journal } from '../journal/journal.ts'
import { ledgerEpochOf } from '../journal/ledger-epoch.ts'
import type { Catalog, TableName } from '../postgres/catalog.ts'
import { liftedOrAsIs } from '../schema/lifter.ts'
import type { SchemaHistory } from '../schema/schema-history.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { rowKey } from './carry/collect.ts'
import { foldRow, historyOf } from './carry/row-history.ts'
import { Floor, type FloorPoint } from './floor.ts'
import { PendingIndex } from './index/pending-index.ts'
import type { PendingTable } from './index/pending-table.ts'
import { type ReadStatement, type ReadView, runMergedRead } from './merged-read.ts'
import type {
  Coverage,
  FindArrived,
  FoldedRow,
  HeldTransactions,
  MergedRead,
  NodeExecutor,
  Overlay,
  OverlayPin,
  QueryOptions,
} from './overlay.ts'
import { inOneSnapshot, isOvertaken, type OverlayMoment, type Overtaking } from './overtaking.ts'
import { Pins } from './pins.ts'
import { refuseBypass } from './refuse-read.ts'
import { Removals } from './removals.ts'
import { loadGrammar } from './sql/parse-cache.ts'
import { type ReadPlan, ReadPlans } from './sql/read-plan.ts'
import { StatementNames } from './statement-names.ts'

export interface OverlayOptions {
  readonly catalog: () => Catalog
  /** What versions of the schema were that pending transactions were recorded under; left out, as the catalog tells. */
  readonly history?: () => SchemaHistory | undefined
  readonly journal: Pick<Journal, 'getMany' | 'status' | 'seqsIn' | 'epochs'> &
    Partial<Pick<Journal, 'catchUp'>>
  /** State of a transaction, where it is known better than by the journal. */
  readonly statusOf?: (seq: Seq) => TransactionState
  readonly clock: Clock
  /** The newest transaction that may have reached main; left out: any. */
  readonly sentThrough?: () => Seq
  /** Encoded images kept in memory; beyond it they are read from the journal when needed. Default 32 MiB. */
  readonly imageBytes?: number
}

const defaultImageBytes = 32 * 1024 * 1024
/** Transactions that main refused or holds back, looked at per read. */
const maximumHeld = 1_000_000

const none: ReadonlySet<Seq> = new Set()
/** Transactions read at once for other definitions. */
const pageSize = 1_000

/** An empty overlay; the site folds the journal's pending transactions into it. */
export function createOverlay(options: OverlayOptions): Overlay {
  return new PendingOverlay(options)
}

class PendingOverlay implements Overlay {
  readonly #options: OverlayOptions
  #index: PendingIndex
  /** The definitions that the index is of; those in use, but for the moment in which they change. */
  #definitions: { catalog: () => Catalog }
  readonly #plans = new ReadPlans()
  readonly #floor: Floor
  readonly #pins: Pins
  readonly #names = new StatementNames()
  #removed: Removals
  /** Leaving without a ledger row of their own: no node could prove them. */
  readonly #dismissed = new Set<Seq>()
  #version: Seq = 0
  #removals = 0
  #returns = 0

  constructor(options: OverlayOptions) {
    this.#options = options
    this.#definitions = { catalog: options.catalog }
    this.#index = this.#newIndex(this.#definitions)
    this.#removed = new Removals((table, column) => isReferenced(options.catalog(), table, column))
    this.#floor = new Floor((seq) => ledgerEpochOf(options.journal, seq))
    this.#pins = new Pins(options.clock, (seqs) => this.#remove(seqs))
  }

  get version(): Seq {
    return this.#version
  }

  get floor(): FloorPoint | undefined {
    return this.#floor.newest
  }

  fold(records: readonly TransactionRecord[]): void {
    for (const recorded of records) {
      const record = this.#lifted(recorded)
      this.#index.add(record)
      this.#removed.add(record)
      this.#version = Math.max(this.#version, record.seq)
    }
  }

  #newIndex(definitions: { readonly catalog: () => Catalog }): PendingIndex {
    return new PendingIndex(() => definitions.catalog(), this.#options.imageBytes ?? defaultImageBytes)
  }

  #lifted(record: TransactionRecord, { history } = this.#options.catalog()): TransactionRecord {
    return liftedOrAsIs(record, this.#options.history?.() ?? history, history)
  }

  async changeDefinitions(next: Catalog, use: () => void): Promise<void> {
    const before = this.#options.catalog()
    if (before.history?.at(-1)?.id === next.history?.at(-1)?.id) return use()
    const definitions = { catalog: () => next }
    const index = this.#newIndex(definitions)
    const removed = new Removals((table, column) => isReferenced(next, table, column))
    const gone = new Set<Seq>()
    for (let after = 0; ; ) {
      const missing = this.#heldBeside(index, gone, after)
      if (missing.length === 0 && after === 0) break
      // What was put back meanwhile may be older: it ends with a look from the first one on.
      after = missing.at(-1) ?? 0
      const records = await this.#options.journal.getMany(missing)
      for (const record of records.map((found) => this.#lifted(found, next))) {
        index.add(record)
        removed.add(record)
      }
      for (const seq of missing) if (!index.holds(seq)) gone.add(seq)
    }
    // From here on nothing waits: what is folded next is folded into the new one.
    for (const seq of heldIn(index)) {
      if (this.#index.holds(seq)) continue
      index.remove(seq)
      removed.remove(seq)
    }
    // A read under way goes on with the old one.
    this.#definitions.catalog = () => before
    this.#index = index
    this.#removed = removed
    this.#definitions = definitions
    use()
    definitions.catalog = this.#options.catalog
  }

  /** The next ones that are pending and not yet in the other index. */
  #heldBeside(index: PendingIndex, gone: ReadonlySet<Seq>, after: Seq): readonly Seq[] {
    const missing: Seq[] = []
    for (const seq of heldIn(this.#index, after)) {
      if (!index.holds(seq) && !gone.has(seq)) missing.push(seq)
      if (missing.length === pageSize) break
    }
    return missing
  }

  takeOut(seqs: readonly Seq[], why: 'replicated' | 'dismissed' = 'replicated'): void {
    if (seqs.length === 0) return
    if (why === 'dismissed') for (const seq of seqs) this.#dismissed.add(seq)
    // Only a fixed snapshot needs what an operator has dealt with: every other read shows what came of it at once.
    if (why === 'dismissed' && !this.#pins.hasSnapshots) this.#remove(seqs)
    else this.#pins.defer(seqs)
  }

  #remove(seqs: readonly Seq[]): void {
    this.#removals++
    const proven: Seq[] = []
    for (const seq of seqs) {
      const isHeld = this.#index.remove(seq)
      this.#removed.remove(seq)
      if (!this.#dismissed.delete(seq) && isHeld) proven.push(seq)
    }
    this.#floor.raise(proven)
  }

  putBack(records: readonly TransactionRecord[]): void {
    if (records.length === 0) return
    this.#returns++
    const seqs = records.map((record) => record.seq)
    this.#pins.keep(new Set(seqs))
    for (const seq of seqs) this.#dismissed.delete(seq)
    this.fold(records)
    this.#floor.fallBelow(seqs)
  }

  pendingRows(table: TableName): number {
    return this.#index.table(table)?.count ?? 0
  }

  hasRemovals(table: TableName): boolean {
    return this.#removed.has(table)
  }

  stateOf(table: TableName, key: TextRow): TransactionState {
    const found = this.#find(table, key)
    return found ? this.#stateOf(this.#index.lastSeq(found.slot)) : 'replicated'
  }

  async row(table: TableName, key: TextRow): Promise<FoldedRow | undefined> {
    const found = this.#find(table, key)
    if (!found) return undefined
    const { pending, slot } = found
    const index = this.#index
    const catalog = this.#options.catalog()
    const own = index.links(slot)
    const links = index.groupOf(slot).flatMap((member) => index.links(member))
    const seqs = [...new Set(own.map((link) => link.seq))]
    const records = await this.#options.journal.getMany([...new Set(links.map((link) => link.seq))])
    const bySeq = new Map(records.map((record) => [record.seq, this.#lifted(record, catalog)]))
    const newest = bySeq.get(seqs.at(-1)!)
    const folded = foldRow(historyOf(links, bySeq), pending.shape, key, () => false)?.folded
    if (!folded || !newest) return undefined
    const fullKey = rowKey(index, pending, slot, historyOf(own, bySeq)) ?? key
    const image = folded.kind === 'insert' ? folded.image : folded.kind === 'patch' ? folded.set : {}
    const state = this.#stateOf(newest.seq)
    return { table, key: fullKey, kind: folded.kind, image, seqs, transactionId: newest.id, state }
  }

  pin(deadlineMs: number): OverlayPin {
    return this.#pins.open(this.#version, deadlineMs)
  }

  async query(
    node: NodeExecutor,
    sql: string,
    values: readonly unknown[],
    options: QueryOptions,
  ): Promise<MergedRead> {
    await loadGrammar()
    const { pin, findArrived } = options
    if (pin && !this.#pins.isOpen(pin)) {
      throw new OutpostError(
        'wait_timeout',
        'The pinned version of the overlay was released or its deadline passed.',
        {
          hint: 'Take a new pin and a new snapshot.',
        },
      )
    }
    const plan = this.#plans.get(sql, this.#options.catalog())
    plan.uses++
    checkParameterCount(plan, values)
    const anyPending = this.#index.transactionCount > 0
    refuseBypass(plan, (table) => this.pendingRows(table) > 0, anyPending)
    const release = this.#pins.hold()
    try {
      const statement = { node, plan, values, names: this.#names }
      if (findArrived) {
        return await inOneSnapshot(node, () =>
          this.#caughtUp(() => this.#readArrived(statement, options.coverage, findArrived)),
        )
      }
      const view = this.#view(plan, options.coverage, pin?.version)
      if (pin) return await runMergedRead(statement, view)
      return await runMergedRead(statement, view, {
        isPossible: this.#isOvertaken,
        again: () =>
          inOneSnapshot(node, () =>
            this.#caughtUp(() => runMergedRead(statement, this.#view(plan, options.coverage))),
          ),
      })
    } finally {
      release()
    }
  }

  /** Ends when nothing was put back meanwhile, which may have arrived too; at the latest with the node's deadline. */
  async #readArrived(
    statement: ReadStatement,
    coverage: Coverage,
    findArrived: FindArrived,
  ): Promise<MergedRead> {
    for (;;) {
      const returns = this.#returns
      const arrived = await findArrived(statement.node, this.#held)
      const read = await runMergedRead(statement, { ...this.#view(statement.plan, coverage), arrived })
      if (returns === this.#returns) return read
    }
  }

  get #held(): HeldTransactions {
    return { range: this.#index.range, holds: (seq) => this.#index.holds(seq) }
  }

  /** Of the definitions that the statement was planned with: it is made anew where they have changed since. */
  #view({ catalog }: ReadPlan, coverage: Coverage, through?: Seq): ReadView {
    if (newestId(catalog) !== newestId(this.#options.catalog())) throw new SchemaMoved()
    return {
      index: this.#index,
      readRecords: this.#readRecords(catalog),
      coverage,
      floorsNow: this.#floorsNow,
      epochs: this.#options.journal.epochs,
      through,
      held: this.#heldSeqs(),
      arrived: none,
      momentNow: this.#momentNow,
    }
  }

  #readRecords(catalog: Catalog): ReadView['readRecords'] {
    return async (seqs) => {
      const records = await this.#options.journal.getMany(seqs)
      return records.map((record) => this.#lifted(record, catalog))
    }
  }

  readonly #isOvertaken: Overtaking['isPossible'] = async (then, chosen) => {
    const through = this.#options.sentThrough?.() ?? Number.POSITIVE_INFINITY
    return await this.#caughtUp(async () =>
      isOvertaken(this.#index, then, this.#momentNow(), through, chosen),
    )
  }

  /** N23: what another process has recorded may have reached the node, too. */
  async #caughtUp<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#options.journal.catchUp?.()
    return await work()
  }

  readonly #momentNow = (): OverlayMoment => ({ version: this.#version, removals: this.#removals })

  /** The overlay's own floor rules: it may have risen since the caller looked. */
  readonly #floorsNow: ReadView['floorsNow'] = ({ floor }) => {
    const points = this.#floor.points
    const newest = points[0]
    return floor && (!newest || floor.seq > newest.seq) ? [floor, ...points] : points
  }

  #heldSeqs(): ReadonlySet<Seq> {
    const { journal } = this.#options
    const rejected = journal.seqsIn('rejected', { limit: maximumHeld })
    const parked = journal.seqsIn('parked', { limit: maximumHeld })
    return rejected.length + parked.length === 0 ? none : new Set([...rejected, ...parked])
  }

  #find(
    table: TableName,
    key: TextRow,
  ): { readonly pending: PendingTable; readonly slot: number } | undefined {
    const pending = this.#index.table(table)
    if (!pending) return undefined
    const slot = this.#index.find(pending, key)
    return slot === -1 ? undefined : { pending, slot }
  }

  #stateOf(seq: Seq): TransactionState {
    return this.#options.statusOf?.(seq) ?? this.#options.journal.status(seq).state
  }
}

const newestId = ({ history }: Catalog): string | undefined => history?.at(-1)?.id

/** The definitions have changed while a read was made; as a node that has another schema says it. */
class SchemaMoved extends Error {
  readonly code = 'OP020'

  constructor() {
    super('The schema has changed since the statement was made.')
  }
}

function* heldIn(index: PendingIndex, after = 0): Generator<Seq> {
  const { range } = index
  if (range === undefined) return
  for (let seq = Math.max(range.first, after + 1); seq <= range.last; seq++) if (index.holds(seq)) yield seq
}

const referencedByCatalog = new WeakMap<Catalog, ReadonlySet<string>>()

function isReferenced(catalog: Catalog, table: TableName, column: string): boolean {
  let names = referencedByCatalog.get(catalog)
  if (!names) {
    const keys = [...catalog.tables.values()].flatMap(({ foreignKeys }) => foreignKeys)
    names = new Set(keys.flatMap((key) => key.referencedColumns.map((name) => `${key.references} ${name}`)))
    referencedByCatalog.set(catalog, names)
  }
  return names.has(`${table} ${column}`)
}

/** Values beyond the statement's own would be taken for those that the merge adds. */
function checkParameterCount(plan: ReadPlan, values: readonly unknown[]): void {
  const { parameterCount } = plan.statement
  if (values.length === parameterCount) return
  throw new OutpostError(
    'read_invalid',
    `The statement has ${parameterCount} parameters; ${values.length} values were given.`,
  )
}
