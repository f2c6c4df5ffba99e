import type { Clock } from '../clock/clock.ts'
import { isOutpostError } from '../errors/outpost-error.ts'
import type { MergedReadOptions, MergedReads } from './merged-reads.ts'
import type { ReadAnswer } from './site-api.ts'

const waitMs = 2_000
const pollMs = 50

/**
 * Merged reads that wait briefly for what a token has seen elsewhere (N21): ledger rows of other sites, or of a life
 * of this journal that it has no trace of. Each try proves them in the snapshot that it reads in.
 */
export class WaitingReads {
  readonly #reads: Pick<MergedReads, 'read'>
  readonly #clock: Clock

  constructor(reads: Pick<MergedReads, 'read'>, clock: Clock) {
    this.#reads = reads
    this.#clock = clock
  }

  /** Errors: `not_here_yet` when it has not arrived within two seconds, and those of the read. */
  async read<Row>(
    sql: string,
    values: readonly unknown[],
    options: MergedReadOptions,
  ): Promise<ReadAnswer<Row>> {
    const deadlineMs = this.#clock.monotonicMs() + waitMs
    for (;;) {
      try {
        return await this.#reads.read<Row>(sql, values, options)
      } catch (error) {
        if (!isOutpostError(error, 'not_here_yet') || this.#clock.monotonicMs() >= deadlineMs) throw error
      }
      await this.#clock.sleep(pollMs)
    }
  }
}
