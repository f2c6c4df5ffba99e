import { PagedInt32 } from '../../overlay/index/paged.ts'
import { SeqDirectory } from '../../overlay/index/seq-directory.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'

/** Edges before anything is given back. */
const fewEdges = 1024

/**
 * Who waits for whom: blocker → those that name it, so that a cone is found without reading the journal (N9).
 *
 * Invariant: holds every dependence on a transaction that is not settled. An edge takes 12 bytes in typed arrays,
 * a blocker 4 more, so a million take 16 MB.
 */
export class ConeIndex {
  #heads = new SeqDirectory()
  /** Distances from `#base`, which halves their room. */
  #blockers = new PagedInt32()
  #waiters = new PagedInt32()
  #next = new PagedInt32()
  #base: Seq = 0
  #count = 0
  #lookAgainAt = fewEdges
  #forgottenThrough: Seq = 0
  /** Waiters of blockers that were forgotten and that main has lost since: few, because only what is parked is noted. */
  readonly #late = new Map<Seq, Set<Seq>>()

  /** Edges held, among them some of forgotten blockers. */
  get size(): number {
    return this.#count
  }

  /** Takes in a record; records come in seq order. */
  add(record: Pick<TransactionRecord, 'seq' | 'dependsOn'>): void {
    for (const blocker of record.dependsOn) this.note(blocker, record.seq)
  }

  /** `waiter` waits for `blocker`, whatever its record says. */
  note(blocker: Seq, waiter: Seq): void {
    if (blocker <= this.#forgottenThrough) {
      this.#noteLate(blocker, waiter)
      return
    }
    if (this.#count >= this.#lookAgainAt) this.#giveBack()
    if (this.#count === 0) this.#base = this.#forgottenThrough
    const edge = this.#count++
    for (const column of [this.#blockers, this.#waiters, this.#next]) column.reserve(this.#count)
    this.#blockers.set(edge, blocker - this.#base)
    this.#waiters.set(edge, waiter - this.#base)
    this.#next.set(edge, this.#heads.get(blocker))
    this.#heads.set(blocker, edge)
  }

  /** Those that wait for this one directly, in no order and possibly with repeats. */
  *waitersOf(blocker: Seq): Generator<Seq> {
    yield* this.#late.get(blocker) ?? []
    if (blocker <= this.#forgottenThrough) return
    for (let edge = this.#heads.get(blocker); edge >= 0; edge = this.#next.get(edge))
      yield this.#base + this.#waiters.get(edge)
  }

  /** Nobody waits any more for anything up to here. The room is given back when as many edges again have come. */
  forgetThrough(seq: Seq): void {
    this.#forgottenThrough = Math.max(this.#forgottenThrough, seq)
    for (const blocker of this.#late.keys()) if (blocker <= seq) this.#late.delete(blocker)
  }

  #noteLate(blocker: Seq, waiter: Seq): void {
    this.#late.set(blocker, (this.#late.get(blocker) ?? new Set()).add(waiter))
  }

  /** Drops the edges of forgotten blockers, where they are the larger part. */
  #giveBack(): void {
    const [blockers, waiters, base, count] = [this.#blockers, this.#waiters, this.#base, this.#count]
    const isLiving = (edge: number) => base + blockers.get(edge) > this.#forgottenThrough
    let living = 0
    for (let edge = 0; edge < count; edge++) if (isLiving(edge)) living++
    this.#lookAgainAt = Math.max(fewEdges, living * 2, living > count / 2 ? count * 2 : 0)
    if (living > count / 2) return
    this.#heads = new SeqDirectory()
    this.#blockers = new PagedInt32()
    this.#waiters = new PagedInt32()
    this.#next = new PagedInt32()
    this.#count = 0
    for (let edge = 0; edge < count; edge++) {
      if (isLiving(edge)) this.note(base + blockers.get(edge), base + waiters.get(edge))
    }
  }
}
