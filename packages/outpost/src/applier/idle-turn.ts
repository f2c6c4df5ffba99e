import type { Activity } from './activity.ts'
import type { ApplierOptions } from './applier-options.ts'
import { noteCompared } from './carried-over.ts'
import type { Contact } from './contact.ts'
import { epochBounds } from './epoch-moves.ts'
import type { Sender } from './sender.ts'

const forgetAnswersEveryMs = 3_600_000

/**
 * What the applier does when nothing can be sent: it tidies main in small steps, rests, and beats. Invariant: whatever
 * is appended meanwhile ends the turn at the next step, unless a beat is due: what is appended may be nothing that can
 * be sent, and main is asked at every interval all the same.
 */
export class IdleTurn {
  readonly #options: ApplierOptions
  readonly #sender: Sender
  readonly #activity: Activity
  #prunedThrough = 0
  #forgetAnswersAtMs = 0

  constructor(options: ApplierOptions, sender: Sender, activity: Activity) {
    this.#options = options
    this.#sender = sender
    this.#activity = activity
  }

  /** False when the beat finds another main than the one that was greeted. */
  async take(contact: Contact): Promise<boolean> {
    const isLate = this.#beatDueMs(contact) === 0
    const mayGoOn = () => isLate || !this.#activity.isWoken
    this.#activity.beginIdle()
    await this.#noteCompared(contact)
    if (mayGoOn()) await this.#prune(contact)
    if (mayGoOn()) await this.#forgetAnswers(contact)
    if (!this.#activity.isWoken) await this.#activity.pause(this.#pauseMs(contact))
    if (this.#activity.isEnding) return true
    return this.#activity.isWoken && this.#beatDueMs(contact) > 0 ? true : await this.#beat(contact)
  }

  async #beat(contact: Contact): Promise<boolean> {
    const { clock, site } = this.#options
    const startedMs = clock.monotonicMs()
    const beat = await contact.session.beat(site, contact.lineage, this.#sender.told)
    contact.heardMs = clock.monotonicMs()
    this.#sender.noteRoundTrip(contact.heardMs - startedMs)
    this.#options.onPosition?.(beat.position)
    return beat.isCurrent
  }

  #pauseMs(contact: Contact): number {
    const dueMs = (this.#sender.nextDueMs ?? Number.POSITIVE_INFINITY) - this.#options.clock.monotonicMs()
    return Math.min(this.#beatDueMs(contact), Math.max(0, dueMs))
  }

  /** Until main must be asked again, whatever else happens; 0 when that is now. */
  #beatDueMs({ heardMs }: Contact): number {
    const { clock, idleIntervalMs = 1_000 } = this.#options
    return Math.max(0, heardMs + idleIntervalMs - clock.monotonicMs())
  }

  /** What an earlier main applied counts for this one only after all that it lacked was brought again (N13). */
  async #noteCompared({ lineage, comparedThrough, isRedriven, position }: Contact): Promise<void> {
    if (!isRedriven || !this.#sender.isRedriveSettled) return
    await noteCompared(this.#options.journal, {
      lineage,
      through: comparedThrough,
      position,
      atMs: this.#options.clock.nowMs(),
    })
  }

  /** Main forgets what the journal has dropped, in steps, while nothing else is to do (N14). */
  async #prune(contact: Contact): Promise<void> {
    const { journal, site } = this.#options
    const through = journal.firstSeq - 1
    if (through <= this.#prunedThrough) return
    const drops = epochBounds(journal)
      .filter(({ from, to }) => from <= through && from <= to)
      .map(({ epoch, to }) => ({ epoch, through: Math.min(to, through) }))
    const isDone = await contact.session.prune(site, contact.epoch, contact.term, drops)
    if (isDone) this.#prunedThrough = through
  }

  /** In steps, one in an idle turn; when nothing is left, not before the next hour. */
  async #forgetAnswers(contact: Contact): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs < this.#forgetAnswersAtMs) return
    const isDone = await contact.session.forgetAnswers()
    if (isDone) this.#forgetAnswersAtMs = nowMs + forgetAnswersEveryMs
  }
}
