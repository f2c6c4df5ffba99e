import type { Epoch, Seq } from '../transaction/transaction.ts'

export interface FloorPoint {
  readonly epoch: Epoch
  readonly seq: Seq
}

/** Earlier floors remembered for {@link Floor.fallBelow}, and late transactions proven one by one. */
const maximumRemembered = 1024
const maximumLate = 16

/**
 * What the overlay let go and a node must therefore show (N17): the newest transaction taken out, and those taken
 * out after a newer one. A transaction that waited (parked, re-driven) commits on main after its elders, so a node
 * that has the newest may still lack it.
 */
export class Floor {
  readonly #epochOf: (seq: Seq) => Epoch
  /** The newest of each removal that raised the floor, ascending; kept as they stood in the ledger then. */
  #raised: FloorPoint[] = []
  #late: FloorPoint[] = []

  /** `epochOf` says under which epoch a transaction stands in the ledger. */
  constructor(epochOf: (seq: Seq) => Epoch) {
    this.#epochOf = epochOf
  }

  get newest(): FloorPoint | undefined {
    return this.#raised.at(-1)
  }

  /** Everything that a node must show: each alone is not enough. */
  get points(): readonly FloorPoint[] {
    const { newest } = this
    return newest ? [newest, ...this.#late] : []
  }

  /** These were read as applied, in the order of their commits and later than all that were taken out before. */
  raise(seqs: readonly Seq[]): void {
    if (seqs.length === 0) return
    const before = this.newest?.seq ?? 0
    let newest = before
    let late = this.#late
    for (const seq of seqs) {
      // What was late before committed before this one: whoever shows this one shows those.
      if (seq > newest) {
        newest = seq
        late = []
      } else if (seq < newest) late = [...late.slice(1 - maximumLate), this.#point(seq)]
    }
    this.#late = late
    if (newest === before) return
    this.#raised.push(this.#point(newest))
    if (this.#raised.length > maximumRemembered) this.#raised.shift()
  }

  /** These are in the overlay again: nothing as new as they are is proven any more. */
  fallBelow(seqs: readonly Seq[]): void {
    let oldest = Number.POSITIVE_INFINITY
    for (const seq of seqs) oldest = Math.min(oldest, seq)
    this.#raised = this.#raised.filter(({ seq }) => seq < oldest)
    this.#late = this.#late.filter(({ seq }) => seq < oldest)
  }

  #point(seq: Seq): FloorPoint {
    return { epoch: this.#epochOf(seq), seq }
  }
}
