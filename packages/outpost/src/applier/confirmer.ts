import type { Clock } from '../clock/clock.ts'
import { isOutpostError } from '../errors/outpost-error.ts'
import type { Journal, StatusChange } from '../journal/journal.ts'
import { ledgerEpochOf } from '../journal/ledger-epoch.ts'
import { compareLsn, parseLsn } from '../position/lsn.ts'
import type { Seq } from '../transaction/transaction.ts'
import { backoffMs } from './backoff.ts'
import { noteReplicaUnder } from './carried-over.ts'
import {
  type ConfirmedIsland,
  isShownBy,
  lookAtReplica,
  type ReplicaLook,
  type ReplicaQuery,
} from './replica-look.ts'
import { seqRanges } from './seq-ranges.ts'

export interface ConfirmerOptions {
  readonly site: string
  readonly journal: Journal
  readonly clock: Clock
  readonly query: ReplicaQuery
  /** Whether what is found is written down; where another process of the site does that it only looks. Default: yes. */
  readonly isLeading?: () => boolean
  /** The current main's lineage and where it began; undefined before first contact: nothing is confirmed. */
  readonly lineage: () => { readonly id: string; readonly lsn: string } | undefined
  /** Between two looks while something is unconfirmed. Default 100. */
  readonly intervalMs?: number
  /** Between two looks when nothing waits, to learn of a replica that has gone or diverged. Default 1,000. */
  readonly idleIntervalMs?: number
  /**
   * A replica without main's lineage whose replay stands still for this long counts as diverged, and so does one that was
   * promoted apart. Default 60,000.
   */
  readonly divergedAfterMs?: number
  readonly random?: () => number
  /** Before the statuses are written: what must be durable once these count as confirmed. What it throws leaves them. */
  readonly onConfirming?: () => Promise<void>
  /** After the statuses were written: take them out of the overlay (late removal, E10). */
  readonly onConfirmed?: (seqs: readonly Seq[], changes: readonly StatusChange[]) => void
  readonly onReplica?: (state: ReplicaState, reason?: string) => void
}

/**
 * - `behind`: reachable, but without main's lineage row so far; it confirms nothing.
 * - `diverged`: it cannot come to have it; it must be rebuilt (N15).
 */
export type ReplicaState = 'connected' | 'unreachable' | 'behind' | 'diverged'

interface Pause {
  readonly ms: number
  /** Ends early when something was applied. The backoff after a failure does not: the replica gets its time. */
  readonly isWakeable: boolean
}

/** What a replica next door needs to replay what main has just told of. */
const arrivalMs = 20
/** Looked for at once; more follow in the next look. */
const windowSize = 5_000

/**
 * Reads on the replica which applied transactions have arrived there. A ledger row counts only with the lineage that
 * main returned and only on a replica that descends from the current main (N15): a row of the same number from a lost
 * branch proves nothing.
 *
 * States: stopped → `start()` → looking ⇄ pausing → `stop()` → stopped.
 */
export class Confirmer {
  readonly #options: ConfirmerOptions
  #stopping = new AbortController()
  #wakeup = new AbortController()
  #isWoken = false
  #running: Promise<void> | undefined
  #state: ReplicaState | undefined
  #failures = 0
  #still: { readonly lsn: string; readonly sinceMs: number } | undefined
  #apartSinceMs: number | undefined

  constructor(options: ConfirmerOptions) {
    this.#options = options
  }

  get state(): ReplicaState | undefined {
    return this.#state
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#running = this.#run()
  }

  /** Returns when the look under way has ended; its query has a deadline of its own. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeup.abort()
    await this.#running
    this.#running = undefined
  }

  /**
   * Something was applied on main: an idle pause ends. While looks follow each other anyway, or the replica does not
   * answer, it changes nothing.
   */
  wake(): void {
    this.#isWoken = true
    this.#wakeup.abort()
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#isWoken = false
      await this.#pause(await this.#lookOnce())
    }
  }

  /** However often it is woken: a busy site must not keep its replica busy with looks. */
  async #pause({ ms, isWakeable }: Pause): Promise<void> {
    const { clock } = this.#options
    if (!isWakeable || ms <= this.#intervalMs) return await clock.sleep(ms, this.#stopping.signal)
    if (!this.#isWoken) {
      this.#wakeup = new AbortController()
      if (this.#stopping.signal.aborted) return
      await clock.sleep(ms - this.#intervalMs, this.#wakeup.signal)
    }
    // The replica needs a moment until it has what has just been applied.
    const rest = this.#isWoken ? Math.min(arrivalMs, this.#intervalMs) : this.#intervalMs
    await clock.sleep(rest, this.#stopping.signal)
  }

  async #lookOnce(): Promise<Pause> {
    try {
      const isMore = await this.look()
      this.#failures = 0
      return { ms: isMore ? 0 : this.#restMs, isWakeable: true }
    } catch (error) {
      this.#failures++
      // What the journal refuses says nothing of the replica.
      if (!isOfJournal(error))
        this.#note('unreachable', error instanceof Error ? error.message : String(error))
      const limits = { firstMs: this.#intervalMs, capMs: 5_000 }
      return {
        ms: backoffMs(this.#failures, this.#options.random?.() ?? 0.5, limits),
        isWakeable: false,
      }
    }
  }

  get #restMs(): number {
    const { journal, idleIntervalMs = 1_000 } = this.#options
    return this.#isLeading && journal.seqsIn('applied', { limit: 1 }).length > 0
      ? this.#intervalMs
      : idleIntervalMs
  }

  /** One look; true when more is likely to be confirmed at once. */
  async look(): Promise<boolean> {
    const { journal, query } = this.#options
    const lineage = this.#options.lineage()
    if (lineage === undefined) return false
    const { seqs, look } = await this.#lookFor(query, lineage.id)
    if (!look.hasLineage) {
      this.#note(this.#isDiverged(look, lineage.lsn) ? 'diverged' : 'behind')
      return false
    }
    if (look.isOtherPrimary) {
      this.#note(this.#isApart() ? 'diverged' : 'behind')
      return false
    }
    this.#still = undefined
    this.#apartSinceMs = undefined
    this.#note('connected')
    if (this.#isLeading) await noteReplicaUnder(journal, lineage.id, this.#options.clock.nowMs())
    const confirmed = this.#confirmedOf(seqs, look.islands)
    if (confirmed.length > 0) await this.#confirm(confirmed)
    return confirmed.length === windowSize
  }

  /**
   * Takes main's word for what is applied, for a site whose replica will not be back for long: answers how many
   * transactions count as confirmed now. What a replica of this site lacks then, it must not answer for (N17).
   */
  async release(main: ReplicaQuery): Promise<number> {
    let released = 0
    for (;;) {
      const lineage = this.#options.lineage()
      if (lineage === undefined) return released
      const { seqs, look } = await this.#lookFor(main, lineage.id)
      const confirmed = look.hasLineage ? this.#confirmedOf(seqs, look.islands) : []
      if (confirmed.length > 0) await this.#confirm(confirmed)
      released += confirmed.length
      if (confirmed.length < windowSize) return released
    }
  }

  /** The oldest applied transactions, and what a node shows of them. */
  async #lookFor(query: ReplicaQuery, lineage: string) {
    const { journal, site } = this.#options
    const seqs = this.#isLeading ? journal.seqsIn('applied', { limit: windowSize }) : []
    const epochs = new Set(seqs.map((seq) => ledgerEpochOf(journal, seq)))
    const look = await lookAtReplica(query, lineage, site, [...epochs], seqs[0] ?? 1, seqs.at(-1) ?? 0)
    return { seqs, look }
  }

  #confirmedOf(seqs: readonly Seq[], islands: readonly ConfirmedIsland[]): readonly Seq[] {
    if (islands.length === 0) return []
    const { journal } = this.#options
    return seqs.filter((seq) => {
      const { lineage } = journal.status(seq)
      return isShownBy(islands, { epoch: ledgerEpochOf(journal, seq), seq, lineage })
    })
  }

  async #confirm(seqs: readonly Seq[]): Promise<void> {
    const { journal, clock } = this.#options
    await this.#options.onConfirming?.()
    // Main may have lost one of them meanwhile.
    const still = seqs.filter((seq) => journal.status(seq).state === 'applied')
    const replicatedAtMs = clock.nowMs()
    const changes = seqRanges(still).map(
      ({ from, to }): StatusChange => ({ from, to, status: { state: 'replicated', replicatedAtMs } }),
    )
    await journal.setStatus(changes)
    this.#options.onConfirmed?.(still, changes)
  }

  #isDiverged(look: ReplicaLook, lineageLsn: string): boolean {
    // Past the place where the lineage began, yet without its row: it replayed something else there.
    if (compareLsn(parseLsn(look.lsn), parseLsn(lineageLsn)) > 0) return true
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#still?.lsn !== look.lsn) this.#still = { lsn: look.lsn, sinceMs: nowMs }
    return nowMs - this.#still.sinceMs >= (this.#options.divergedAfterMs ?? 60_000)
  }

  /** A new main says hello to no site for a moment after its promotion: only one that stays apart has diverged. */
  #isApart(): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    this.#apartSinceMs ??= nowMs
    return nowMs - this.#apartSinceMs >= (this.#options.divergedAfterMs ?? 60_000)
  }

  #note(state: ReplicaState, reason?: string): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onReplica?.(state, reason)
  }

  get #isLeading(): boolean {
    return this.#options.isLeading?.() ?? true
  }

  get #intervalMs(): number {
    return this.#options.intervalMs ?? 100
  }
}

function isOfJournal(error: unknown): boolean {
  return isOutpostError(error) && (error.code.startsWith('journal_') || error.code === 'not_leading')
}
