import type { TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import { encodeDraft } from '../record-codec.ts'
import { BlockBuilder } from './block.ts'
import { hashIdempotency, hashText } from './text-hash.ts'

/** One append that waits for its group. */
export interface Waiting {
  readonly draft: TransactionDraft
  readonly bufferedAtMs: number
  readonly resolve: (record: TransactionRecord) => void
  readonly reject: (error: unknown) => void
}

/**
 * The appends that one commit will make durable, already serialised: serialising happens at the call, while the
 * commit before is still under way. Reused from commit to commit.
 */
export class CommitGroup {
  readonly waiting: Waiting[] = []
  readonly #seed: number
  readonly #builders: BlockBuilder[] = [new BlockBuilder()]
  #used = 1
  #closedBytes = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Bytes of all its blocks. */
  get bytes(): number {
    return this.waiting.length === 0 ? 0 : this.#closedBytes + this.#current.bytes
  }

  get blocks(): readonly BlockBuilder[] {
    return this.#builders.slice(0, this.#used)
  }

  add(waiting: Waiting): void {
    const { draft } = waiting
    if (this.#current.isFull) this.#closeBlock()
    const key = draft.idempotency
    this.#current.add(
      encodeDraft(draft),
      hashText(this.#seed, draft.id),
      key === undefined ? 0 : hashIdempotency(this.#seed, key.scope, key.key),
      waiting.bufferedAtMs,
    )
    this.waiting.push(waiting)
  }

  /** Only when nothing refers to the sealed blocks any more. */
  reset(): void {
    this.waiting.length = 0
    // A burst of many blocks must not keep their buffers for ever.
    this.#builders.length = Math.min(this.#builders.length, 8)
    for (const builder of this.#builders) builder.reset()
    this.#used = 1
    this.#closedBytes = 0
  }

  get #current(): BlockBuilder {
    return this.#builders[this.#used - 1]!
  }

  #closeBlock(): void {
    this.#closedBytes += this.#current.bytes
    if (this.#used === this.#builders.length) this.#builders.push(new BlockBuilder())
    this.#used += 1
  }
}
