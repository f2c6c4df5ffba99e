import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import type { AppendCondition } from '../journal.ts'
import { encodeDraft } from '../record-codec.ts'
import { idempotencyDigest } from './keys.ts'
import { isRefusal, redisError, unavailable } from './redis-error.ts'
import type { Reply } from './replies.ts'
import { packKeys } from './touched-keys.ts'

/** Drafts that one call stores at most, and their bytes. */
const maxGroup = { drafts: 1_000, bytes: 8 * 2 ** 20 }
/** What may wait for Redis; beyond it an append is refused instead of filling memory. */
export const maxWaiting = { drafts: 20_000, bytes: 256 * 2 ** 20 }
/** How often those who wait are looked at for having waited too long. */
const patrolMs = 250

export interface AppendQueueOptions {
  readonly clock: Clock
  /** An append that is not answered for so long fails with `journal_unavailable`. */
  readonly patienceMs: number
  /** Whether there is a connection, at once where there is one. */
  readonly isUpWithin: (ms: number) => Promise<boolean>
  /** Why there is no connection, and for how long. */
  readonly outage: () => { readonly reason: OutpostError; readonly forMs: number } | undefined
  /**
   * Sends drafts, eight texts each, takes in what came back, and answers for each its seq or why it was not stored;
   * undefined when this process lacked too much and the drafts must be sent again.
   */
  readonly send: (drafts: readonly WaitingDraft[]) => Promise<readonly Stored[] | undefined>
}

/** What became of one draft. */
export type Stored = TransactionRecord | 'overtaken' | 'full'

export interface WaitingDraft {
  readonly draft: TransactionDraft
  readonly bufferedAtMs: number
  /** What the script `append` takes of it. */
  readonly texts: readonly string[]
}

interface Waiting extends WaitingDraft {
  readonly bytes: number
  readonly sinceMs: number
  readonly resolve: (record: TransactionRecord) => void
  readonly reject: (error: Error) => void
  wasSent: boolean
  isSettled: boolean
}

/**
 * Sends drafts in groups: whoever calls while a group is under way shares the next one. States: idle ⇄ sending; a group
 * whose answer was lost is sent again, and each draft is stored once, because the script knows its transaction's id.
 *
 * Invariant: at most one group is under way, and drafts are stored in the order of the calls.
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions
  #waiting: Waiting[] = []
  #underWay: readonly Waiting[] = []
  #bytes = 0
  #sending: Promise<void> | undefined
  #patrol: NodeJS.Timeout | undefined
  #failure: OutpostError | undefined

  constructor(options: AppendQueueOptions) {
    this.#options = options
  }

  append(
    draft: TransactionDraft,
    bufferedAtMs: number,
    { checkedThrough, isCritical = false }: AppendCondition,
  ): Promise<TransactionRecord> {
    const refusal = this.refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const texts = textsOf(draft, bufferedAtMs, checkedThrough, isCritical)
    const bytes = texts.reduce((sum, text) => sum + text.length, 0)
    return new Promise((resolve, reject) => {
      const sinceMs = this.#options.clock.monotonicMs()
      const common = { draft, bufferedAtMs, texts, bytes, sinceMs }
      this.#waiting.push({ ...common, resolve, reject, wasSent: false, isSettled: false })
      this.#bytes += bytes
      this.#patrol ??= setInterval(() => this.#giveUpLate(), patrolMs)
      this.#sending ??= this.#send()
    })
  }

  /** Why an append would be refused now. */
  refusal(): OutpostError | undefined {
    if (this.#failure !== undefined) return this.#failure
    const outage = this.#options.outage()
    if (outage !== undefined && outage.forMs > this.#options.patienceMs) return outage.reason
    if (this.#waiting.length < maxWaiting.drafts && this.#bytes < maxWaiting.bytes) return undefined
    return unavailable(`${this.#waiting.length} transactions are waiting for it already`)
  }

  /** No later append succeeds, and those that wait fail. */
  fail(error: OutpostError): void {
    this.#failure ??= error
    for (const waiting of [...this.#underWay, ...this.#waiting]) this.#reject(waiting, this.#failure)
    this.#waiting = []
  }

  /** Resolves when everything accepted so far was stored or refused. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending
    clearInterval(this.#patrol)
  }

  async #send(): Promise<void> {
    // Whoever appends in the present turn of the event loop shares the group.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      if (!(await this.#options.isUpWithin(patrolMs))) continue
      const group = this.#takeGroup()
      if (group.length > 0) await this.#sendGroup(group)
    }
    clearInterval(this.#patrol)
    this.#patrol = undefined
    this.#sending = undefined
  }

  #takeGroup(): Waiting[] {
    let bytes = 0
    let count = 0
    while (
      count < this.#waiting.length &&
      count < maxGroup.drafts &&
      (count === 0 || bytes < maxGroup.bytes)
    ) {
      bytes += this.#waiting[count]!.bytes
      count += 1
    }
    return this.#waiting.splice(0, count).filter(({ isSettled }) => !isSettled)
  }

  async #sendGroup(group: readonly Waiting[]): Promise<void> {
    this.#underWay = group
    for (const waiting of group) waiting.wasSent = true
    try {
      const stored = await this.#options.send(group)
      if (stored === undefined) this.#again(group)
      else for (const [index, waiting] of group.entries()) this.#settle(waiting, stored[index]!)
    } catch (error) {
      const known = redisError(error)
      if (known.code === 'journal_unavailable' && !isRefusal(error)) this.#again(group)
      else for (const waiting of group) this.#reject(waiting, known)
    } finally {
      this.#underWay = []
    }
  }

  #again(group: readonly Waiting[]): void {
    this.#waiting.unshift(...group.filter(({ isSettled }) => !isSettled))
  }

  #settle(waiting: Waiting, stored: Stored): void {
    if (stored === 'overtaken') this.#reject(waiting, overtaken())
    else if (stored === 'full') this.#reject(waiting, full())
    else if (this.#isFirst(waiting)) waiting.resolve(stored)
  }

  #reject(waiting: Waiting, error: OutpostError): void {
    if (this.#isFirst(waiting)) waiting.reject(error)
  }

  /** One that has waited too long is settled already, whatever becomes of it. */
  #isFirst(waiting: Waiting): boolean {
    if (waiting.isSettled) return false
    waiting.isSettled = true
    this.#bytes -= waiting.bytes
    return true
  }

  #giveUpLate(): void {
    const { clock, patienceMs, outage } = this.#options
    const nowMs = clock.monotonicMs()
    for (const waiting of [...this.#underWay, ...this.#waiting]) {
      if (nowMs - waiting.sinceMs < patienceMs) continue
      this.#reject(waiting, late(waiting, outage()?.reason ?? unavailable(`no answer for ${patienceMs} ms`)))
    }
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled)
  }
}

function textsOf(
  draft: TransactionDraft,
  bufferedAtMs: number,
  checkedThrough: Seq | undefined,
  isCritical: boolean,
): readonly string[] {
  const { id, idempotency, writes, references } = draft
  return [
    isCritical ? 'c' : '',
    id,
    String(bufferedAtMs),
    encodeDraft(draft),
    idempotency === undefined ? '' : idempotencyDigest(idempotency.scope, idempotency.key),
    String(checkedThrough ?? -1),
    packKeys(writes),
    // Needed only to see whether it was overtaken.
    checkedThrough === undefined ? '' : packKeys(references),
  ]
}

/** Answers of the script that are no seq. */
export function outcomeOf(reply: Reply): Seq | 'overtaken' | 'full' {
  if (typeof reply === 'number') return reply
  return reply === 'f' ? 'full' : 'overtaken'
}

function late({ wasSent }: Waiting, reason: OutpostError): OutpostError {
  const outcome = wasSent ? 'unknown' : 'not_stored'
  const message = wasSent
    ? `${reason.message}. Whether the transaction was stored is not known`
    : `${reason.message}. Nothing was stored`
  return new OutpostError('journal_unavailable', message, { details: { outcome }, cause: reason })
}

function full(): OutpostError {
  return new OutpostError('journal_full', 'The journal has reached its limit of bytes')
}

function overtaken(): OutpostError {
  return new OutpostError(
    'journal_overtaken',
    'Another process of the site has recorded something on the same rows since they were looked at',
  )
}
