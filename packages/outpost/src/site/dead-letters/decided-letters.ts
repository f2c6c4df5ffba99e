import type { ApplierAlarm } from '../../applier/applier-options.ts'
import { journalAlarm } from '../../applier/journal-alarm.ts'
import type { Journal, StatusChange } from '../../journal/journal.ts'
import type { Overlay } from '../../overlay/overlay.ts'
import { isPending } from '../../transaction/state.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'
import type { ConeIndex } from './cone-index.ts'
import { type Decisions, decidedChanges } from './decisions.ts'

export interface DecidedLettersOptions {
  readonly journal: Pick<
    Journal,
    'status' | 'setStatus' | 'getMany' | 'seqsIn' | 'firstSeq' | 'lastSeq' | 'sharing'
  >
  readonly overlay: Pick<Overlay, 'fold' | 'takeOut'>
  readonly cones: ConeIndex
  readonly decisions: Decisions
  /** What waited for these waits for their decision. */
  readonly takeOver: (decided: readonly Seq[], by: Seq) => void
  readonly onStatus: (changes: readonly StatusChange[]) => void
  readonly onAlarm: (alarm: ApplierAlarm) => void
}

/**
 * What follows from a decision once it is durable (N3), in this process and in every other on the same journal: reads
 * show what came of it at once (N20), what waited waits for it, and the states say so.
 */
export class DecidedLetters {
  readonly #options: DecidedLettersOptions
  readonly #writing = new Map<Seq, Promise<void>>()

  constructor(options: DecidedLettersOptions) {
    this.#options = options
  }

  /** Takes durable records into the overlay, in order. What a decision is about leaves in the same moment. */
  fold(records: readonly TransactionRecord[]): void {
    const { overlay } = this.#options
    if (!records.some(({ decision }) => decision !== undefined)) {
      overlay.fold(records)
      return
    }
    for (const record of records) {
      const changes = record.decision ? this.#take(record) : []
      overlay.fold([record])
      if (record.decision) this.#write(record.seq, changes)
    }
  }

  /** At start: a crash may have lost the states that a pending decision had made. */
  async recovered(record: TransactionRecord): Promise<void> {
    const { journal } = this.#options
    // Of a replay of a replay the elder one is not pending, but what waited for its dead letter still waits.
    const elders = await journal.getMany((record.decision?.on ?? []).map(({ seq }) => seq))
    for (const elder of elders) if (elder.decision !== undefined) await this.recovered(elder)
    const changes = this.#take(record)
    if (this.#mayWrite) await journal.setStatus(changes)
  }

  /** This process leads the shared journal from now on: what others decided and nobody has written is its to write. */
  takeLead(): void {
    const { decisions, journal, takeOver } = this.#options
    for (const record of decisions.open) {
      takeOver(decisions.decidesOn(record.seq), record.seq)
      this.#write(record.seq, decidedChanges(record, journal))
    }
  }

  /** Resolves when the states that this decision makes are written. */
  async settled(decision: Seq): Promise<void> {
    await this.#writing.get(decision)
  }

  /** At start: those that were found by key to wait for something that main had lost (N9). */
  noteParked(): void {
    const { journal } = this.#options
    for (const seq of journal.seqsIn('parked')) this.#noteWaiting(seq)
  }

  /** The same, as they are parked. */
  noteChanged(changes: readonly StatusChange[]): void {
    for (const { from, to, status } of changes) {
      if (status.state !== 'parked') continue
      for (let seq = from; seq <= to; seq++) this.#noteWaiting(seq)
    }
  }

  #take(record: TransactionRecord): readonly StatusChange[] {
    const { journal, overlay, decisions, takeOver } = this.#options
    const changes = decidedChanges(record, journal)
    const on = decisions.note(record)
    overlay.takeOut(
      on.filter((seq) => decisions.decisionOn(seq) === record.seq && !isOnMain(journal, seq)),
      'dismissed',
    )
    takeOver(on, record.seq)
    return changes
  }

  /** Of a shared journal only the process that leads writes states; it folds the same record. */
  get #mayWrite(): boolean {
    return this.#options.journal.sharing?.isLeading ?? true
  }

  #write(decision: Seq, changes: readonly StatusChange[]): void {
    const { journal, onStatus, onAlarm } = this.#options
    if (changes.length === 0 || !this.#mayWrite) return
    const writing = journal
      .setStatus(changes)
      .then(() => onStatus(changes))
      // The decision is durable and holds in this process; at the next start it makes these states again.
      .catch((error: unknown) => onAlarm(journalAlarm(error)))
      .finally(() => this.#writing.delete(decision))
    this.#writing.set(decision, writing)
  }

  /** Of what main had lost the records do not say who waits for it: the applier found out by key. */
  #noteWaiting(seq: Seq): void {
    const { journal, cones } = this.#options
    const { parkedBy } = journal.status(seq)
    if (parkedBy === undefined || parkedBy === 'stuck') return
    for (const blocker of parkedBy)
      if (journal.status(blocker).redriven !== undefined) cones.note(blocker, seq)
  }
}

function isOnMain(journal: DecidedLettersOptions['journal'], seq: Seq): boolean {
  if (seq < journal.firstSeq || seq > journal.lastSeq) return false
  const { state } = journal.status(seq)
  return (
    (state === 'applied' || !isPending(state)) && !['resolved', 'discarded', 'superseded'].includes(state)
  )
}
