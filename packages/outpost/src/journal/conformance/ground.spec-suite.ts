import { afterEach } from 'vitest'
import type { Clock } from '../../clock/clock.ts'
import type { Epoch, TransactionRecord } from '../../transaction/transaction.ts'
import type { Journal } from '../journal.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'

interface ConformanceOptions {
  readonly clock?: Clock
  readonly random?: () => Epoch
  readonly maxBytes?: number
  readonly reserveBytes?: number
  readonly onRecovered?: (records: readonly TransactionRecord[]) => void
}

/** A place where one journal lives; opened, stopped and opened again. */
export interface ConformanceStore {
  open(options?: ConformanceOptions): Promise<Journal>
  /** Removes everything. */
  remove(): Promise<void>
}

/** Journals that are stopped and removed after each test. */
export interface Ground {
  store(): Promise<ConformanceStore>
  opened(at: ConformanceStore, options?: ConformanceOptions): Promise<Journal>
  /** Appends `count` sample drafts at once. */
  fill(journal: Journal, count: number, first?: number): Promise<readonly TransactionRecord[]>
}

export function conformanceGround(makeStore: () => Promise<ConformanceStore>): Ground {
  const cleanups: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  return {
    async store() {
      const made = await makeStore()
      cleanups.push(() => made.remove())
      return made
    },
    async opened(at, options) {
      const journal = await at.open(options)
      cleanups.push(() => journal.stop())
      return journal
    },
    fill: (journal, count, first = 1) =>
      Promise.all(Array.from({ length: count }, (_, index) => journal.append(sampleDraft(first + index)))),
  }
}

export async function retainThrough(journal: Journal, through: number): Promise<void> {
  const from = journal.firstSeq
  for (const state of ['applied', 'replicated', 'retained'] as const) {
    await journal.setStatus([{ from, to: through, status: { state } }])
  }
}
