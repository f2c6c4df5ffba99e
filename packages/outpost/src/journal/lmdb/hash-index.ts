import type { Seq } from '../../transaction/transaction.ts'

const shardCount = 256
const initialSlots = 16
/** Seqs are kept modulo this, plus one, so that 0 means an empty slot. */
const modulus = 0xffff_ffff

/**
 * Hash → seq for millions of records in 8 bytes a slot, outside the JavaScript heap.
 *
 * Open addressing with linear probing in 256 shards, so that growing moves 1/256 of the entries at a time and never
 * stalls an append. Only 32 bits of a seq are kept: a journal never retains that many records at once, so the newest
 * seq tells which one is meant. The hash narrows; the caller compares the record itself.
 */
export class HashIndex {
  readonly #shards: Shard[] = Array.from({ length: shardCount }, () => new Shard())
  #size = 0

  get size(): number {
    return this.#size
  }

  add(hash: number, seq: Seq): void {
    this.#shards[hash >>> 24]!.add(hash, (seq % modulus) + 1)
    this.#size += 1
  }

  remove(hash: number, seq: Seq): void {
    if (this.#shards[hash >>> 24]!.remove(hash, (seq % modulus) + 1)) this.#size -= 1
  }

  /** The lowest seq under this hash that `accept` confirms. `lastSeq` is the newest seq of the journal. */
  find(hash: number, lastSeq: Seq, accept: (seq: Seq) => boolean): Seq | undefined {
    let found: Seq | undefined
    for (const residue of this.#shards[hash >>> 24]!.residues(hash)) {
      const seq = lastSeq - mod(lastSeq - (residue - 1), modulus)
      if ((found === undefined || seq < found) && accept(seq)) found = seq
    }
    return found
  }
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by
}

/** Slots are pairs (hash, residue); a residue of 0 marks an empty one. Never fuller than 3/4. */
class Shard {
  #slots = new Uint32Array(initialSlots * 2)
  #mask = initialSlots - 1
  #used = 0

  add(hash: number, residue: number): void {
    if ((this.#used + 1) * 4 > (this.#mask + 1) * 3) this.#grow()
    this.#place(hash, residue)
    this.#used += 1
  }

  residues(hash: number): number[] {
    const found: number[] = []
    for (let slot = hash & this.#mask; this.#slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#slots[slot * 2] === hash) found.push(this.#slots[slot * 2 + 1]!)
    }
    return found
  }

  remove(hash: number, residue: number): boolean {
    let slot = hash & this.#mask
    while (this.#slots[slot * 2] !== hash || this.#slots[slot * 2 + 1] !== residue) {
      if (this.#slots[slot * 2 + 1] === 0) return false
      slot = (slot + 1) & this.#mask
    }
    this.#closeGap(slot)
    this.#used -= 1
    return true
  }

  /** Moves later entries of the probe chain back, so that no tombstones pile up. */
  #closeGap(start: number): void {
    const slots = this.#slots
    let gap = start
    for (let next = (gap + 1) & this.#mask; slots[next * 2 + 1] !== 0; next = (next + 1) & this.#mask) {
      const home = slots[next * 2]! & this.#mask
      if (((next - home) & this.#mask) < ((next - gap) & this.#mask)) continue
      slots[gap * 2] = slots[next * 2]!
      slots[gap * 2 + 1] = slots[next * 2 + 1]!
      gap = next
    }
    slots[gap * 2] = 0
    slots[gap * 2 + 1] = 0
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#mask = old.length - 1
    for (let index = 0; index < old.length; index += 2) {
      if (old[index + 1] !== 0) this.#place(old[index]!, old[index + 1]!)
    }
  }

  #place(hash: number, residue: number): void {
    let slot = hash & this.#mask
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask
    this.#slots[slot * 2] = hash
    this.#slots[slot * 2 + 1] = residue
  }
}
