import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { ReservedKeys } from '../keys/reserved-keys.ts'
import type { DependencyIndex } from '../transaction/dependency-index.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { CatalogSource } from './catalog-source.ts'
import type { ConeIndex } from './dead-letters/cone-index.ts'
import type { Decisions } from './dead-letters/decisions.ts'
import type { KeptClock } from './kept-clock.ts'
import type { NodePool } from './node-pool.ts'
import type { PromotableStandbys } from './promotable.ts'
import type { PutBack } from './put-back.ts'

export interface SiteChoresOptions {
  readonly clock: Clock
  readonly catalog: CatalogSource
  readonly main: NodePool
  readonly replica: NodePool | undefined
  readonly dependencies: DependencyIndex
  readonly cones: Pick<ConeIndex, 'forgetThrough'>
  readonly decisions: Pick<Decisions, 'forgetThrough' | 'oldestOpen'>
  readonly journal: Journal
  readonly putBack: PutBack
  readonly standbys: PromotableStandbys
  readonly keys: Pick<ReservedKeys, 'refresh'>
  readonly keptClock: Pick<KeptClock, 'isNeeded' | 'observe'>
  /** The newest stamp that the site's replica has of any site. */
  readonly newestStamp: () => Promise<string | undefined>
}

const intervalMs = 500
const catalogIntervalMs = 30_000

/**
 * What a running site does beside its main work: keeps the catalog young, lets what was put back leave the overlay
 * again, follows other sites' clocks, knows how far the standbys are, and forgets settled dependencies. States: stopped → `start()` → running → `stop()` → stopped.
 */
export class SiteChores {
  readonly #options: SiteChoresOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #lastError: string | undefined

  constructor(options: SiteChoresOptions) {
    this.#options = options
  }

  /** Why the last round could not be finished; undefined after one that was. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const {
      clock,
      catalog,
      main,
      replica,
      dependencies,
      cones,
      decisions,
      journal,
      putBack,
      standbys,
      keys,
      keptClock,
      newestStamp,
    } = this.#options
    let catalogDueMs = clock.monotonicMs()
    while (!this.#stopping.signal.aborted) {
      const settled = settledThrough(journal, decisions)
      dependencies.forgetThrough(settled)
      cones.forgetThrough(settled)
      decisions.forgetThrough(settled)
      try {
        // While the replica shows whole windows there is no reason to pause between them.
        for (let before = putBack.size; await putBack.look(); before = putBack.size) {
          if (putBack.size >= before || this.#stopping.signal.aborted) break
        }
        if (clock.monotonicMs() >= catalogDueMs) {
          catalogDueMs = clock.monotonicMs() + catalogIntervalMs
          await catalog.refresh(replica ?? main)
        }
        if (keptClock.isNeeded) keptClock.observe((await newestStamp()) ?? '0')
        await standbys.refresh()
        this.#lastError = undefined
      } catch (error) {
        // A node that is away is the confirmer's and the applier's news; this round is simply tried again.
        this.#lastError = error instanceof Error ? error.message : String(error)
      }
      await keys.refresh()
      await clock.sleep(intervalMs, this.#stopping.signal)
    }
  }
}

/** Nothing up to here can hold a later transaction back any more. */
function settledThrough(journal: Journal, { oldestOpen }: Pick<Decisions, 'oldestOpen'>): Seq {
  const unsettled = (['buffered', 'parked', 'rejected'] as const).flatMap((state) =>
    journal.seqsIn(state, { limit: 1 }),
  )
  if (oldestOpen !== undefined) unsettled.push(oldestOpen)
  return unsettled.length === 0 ? journal.lastSeq : Math.min(...unsettled) - 1
}
