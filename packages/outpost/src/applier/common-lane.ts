import { commonLanes, laneOf } from '../transaction/lane.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'

export type Touch = Pick<TransactionRecord, 'seq' | 'writes' | 'references'>

/**
 * Lanes of what stays in line: the order of transactions that may share a row or a value without naming it (N10).
 * Invariant: one that is in the common lane of a table or constraint is never sent ahead of an elder one of that lane
 * that stays in line, nor is anything that writes there sent ahead of it. What main refused and what is parked holds
 * nothing back here: nobody knows that it is in their cone (P5).
 */
export class HeldLanes {
  readonly #elder: HeldLanes | undefined
  /** Something there is touched, and it is not known what. */
  readonly #common = new Set<string>()
  /** Something that is known is written there. */
  readonly #written = new Set<string>()

  constructor(elder?: HeldLanes) {
    this.#elder = elder
  }

  /** This one stays in line. */
  add({ writes, references }: Touch): void {
    for (const lane of commonLanes(references)) this.#common.add(lane)
    for (const key of writes) this.#written.add(laneOf(key))
  }

  addAll(lanes: HeldLanes): void {
    for (const lane of lanes.#common) this.#common.add(lane)
    for (const lane of lanes.#written) this.#written.add(lane)
  }

  /** Whether this one, which comes later, has to stay in line too. */
  holds({ writes, references }: Touch): boolean {
    return (
      commonLanes(references).some((lane) => this.isCommon(lane) || this.isWritten(lane)) ||
      (this.hasCommon && writes.some((key) => this.isCommon(laneOf(key))))
    )
  }

  /** Some transaction keeps its place in some lane without naming what it touches there. */
  get hasCommon(): boolean {
    return this.#common.size > 0 || (this.#elder?.hasCommon ?? false)
  }

  /** Such a one stays in line in this lane. */
  isCommon(lane: string): boolean {
    return this.#common.has(lane) || (this.#elder?.isCommon(lane) ?? false)
  }

  /** Something that stays in line writes in this lane. */
  isWritten(lane: string): boolean {
    return this.#written.has(lane) || (this.#elder?.isWritten(lane) ?? false)
  }
}

/**
 * The same order within one batch: whom a transaction follows, so that main skips it when that one waits.
 * Invariant: each follows the last one in its common lanes, which follows what was before it there.
 */
export class BatchLanes {
  readonly #taken: Touch[] = []
  /** Of each lane the last one that does not say what it touches there, by its place in the batch. */
  readonly #last = new Map<string, number>()

  /** What goes with the batch so far. */
  get taken(): readonly Touch[] {
    return this.#taken
  }

  /** Takes the next one; answers those before it that it follows. */
  take(touch: Touch): ReadonlySet<Seq> {
    const followed = new Set<Seq>()
    const lanes = commonLanes(touch.references)
    if (this.#last.size > 0) for (const key of touch.writes) this.#followLast(laneOf(key), followed)
    for (const lane of lanes) this.#followAll(lane, followed)
    for (const lane of lanes) this.#last.set(lane, this.#taken.length)
    this.#taken.push(touch)
    return followed
  }

  #followLast(lane: string, followed: Set<Seq>): void {
    const place = this.#last.get(lane)
    if (place !== undefined) followed.add(this.#taken[place]!.seq)
  }

  /** The last one, and whatever has written there since. */
  #followAll(lane: string, followed: Set<Seq>): void {
    this.#followLast(lane, followed)
    for (let place = (this.#last.get(lane) ?? -1) + 1; place < this.#taken.length; place++) {
      const { seq, writes } = this.#taken[place]!
      if (writes.some((key) => laneOf(key) === lane)) followed.add(seq)
    }
  }
}
