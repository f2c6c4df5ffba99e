import { isOutpostError } from '../errors/outpost-error.ts'
import { classify, sqlstateOf } from '../postgres/sqlstate.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { Rest } from './activity.ts'
import type { Alarms } from './alarms.ts'
import { configurationAlarm, fencedAlarm, stuckAlarm } from './applier-alarms.ts'
import type { ApplierAlarm, ApplierOptions } from './applier-options.ts'
import { backoffMs } from './backoff.ts'
import { journalAlarm, messageOf } from './journal-alarm.ts'
import { type Parking, stuckUntilMs } from './parking.ts'
import type { Sender } from './sender.ts'

/** Fences closer together than this make the next contact wait longer. */
const fenceWindowMs = 60_000

/** What follows from an error or a refusal: whom to blame, whom to tell, and how long to rest (N11). */
export class Recovery {
  readonly #options: ApplierOptions
  readonly #sender: Sender
  readonly #parking: Parking
  readonly #alarms: Alarms
  readonly #onUnreachable: (reason: string) => void
  #failures = 0
  #fences: readonly number[] = []

  constructor(
    options: ApplierOptions,
    sender: Sender,
    parking: Parking,
    alarms: Alarms,
    onUnreachable: (reason: string) => void,
  ) {
    this.#options = options
    this.#sender = sender
    this.#parking = parking
    this.#alarms = alarms
    this.#onUnreachable = onUnreachable
  }

  /** A CALL was answered. */
  succeeded(): void {
    this.#failures = 0
    this.#alarms.settle()
  }

  /** Whatever went wrong, also while it is dealt with: the applier goes on, later. */
  async afterError(error: unknown): Promise<Rest> {
    try {
      return await this.#judge(error)
    } catch (failure) {
      // The journal could not be written: main and the ledger know better than it does, so nothing is lost by waiting.
      this.#alarms.raise(journalAlarm(failure))
      return this.#backOff(failure)
    }
  }

  /** Another life of the journal, or another applier, has taken over: with care, because it may do so again. */
  afterFence(): Rest {
    const nowMs = this.#options.clock.monotonicMs()
    this.#fences = [...this.#fences.filter((atMs) => nowMs - atMs < fenceWindowMs), nowMs].slice(-10)
    this.#options.onRefusal?.()
    this.#alarms.raise(fencedAlarm)
    const ms = backoffMs(this.#fences.length, this.#options.random(), { firstMs: 500, capMs: 30_000 })
    return { kind: 'wait', reason: 'another applier of this site has taken over', ms }
  }

  /** Always by what main has answered. */
  block(alarm: ApplierAlarm, isFinal = false): Rest {
    this.#options.onRefusal?.()
    const ms = this.#options.configurationRetryMs ?? 30_000
    return { kind: 'block', alarm, ms, isFinal, raise: (raised) => this.#alarms.raise(raised) }
  }

  async #judge(error: unknown): Promise<Rest> {
    const kind = classify(error)
    const suspect = this.#sender.failed(kind)
    const alarm = configurationAlarm(error)
    if (alarm !== undefined) return this.block(alarm)
    if (kind === 'connectivity') this.#onUnreachable(messageOf(error))
    if (suspect !== undefined) await this.#park(suspect, error)
    if (isJournalFailure(error)) this.#alarms.raise(journalAlarm(error))
    return this.#backOff(error)
  }

  async #park(seq: Seq, error: unknown): Promise<void> {
    const sqlstate = sqlstateOf(error)
    const stuck = { seq, reason: { message: messageOf(error), ...(sqlstate !== undefined && { sqlstate }) } }
    const changes = await this.#parking.parkStuck([stuck], stuckUntilMs(this.#options))
    this.#options.onStatus?.(changes)
    this.#alarms.raiseAnew(stuckAlarm(stuck))
  }

  #backOff(reason: unknown): Rest {
    this.#failures++
    const ms = backoffMs(this.#failures, this.#options.random(), this.#options.backoff)
    return { kind: 'wait', reason: messageOf(reason), ms }
  }
}

const journalCodes: ReadonlySet<string> = new Set(['journal_full', 'journal_failed', 'journal_unavailable'])

function isJournalFailure(error: unknown): boolean {
  return isOutpostError(error) && journalCodes.has(error.code)
}
