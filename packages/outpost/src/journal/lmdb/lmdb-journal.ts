import { OutpostError } from '../../errors/outpost-error.ts'
import type { Epoch, Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import { withEpoch } from '../epoch-table.ts'
import type { AppendCondition, Journal, StatusChange } from '../journal.ts'
import { commit } from './commit.ts'
import { dropInSlices } from './drop.ts'
import { GroupCommit } from './group-commit.ts'
import { putEpochs, putFact } from './journal-meta.ts'
import { writeError } from './lmdb-error.ts'
import { LmdbReader, type ReaderParts } from './lmdb-reader.ts'
import { releaseWriterLock } from './writer-lock.ts'

/** How long a changed status waits at most for an append to travel with. */
const statusDelayMs = 200
/** How long closing may wait for LMDB after the journal has failed. */
const closeDelayMs = 5_000

type DurableListener = (records: readonly TransactionRecord[]) => void

export interface LmdbJournalParts extends ReaderParts {
  readonly maxBytes: number
  readonly reserveBytes: number
  readonly makeEpoch: () => Epoch
}

/** The one writer of a journal folder. States: open → failed → stopped, or open → stopped. */
export class LmdbJournal extends LmdbReader implements Journal {
  readonly durability = 'full'
  readonly #commits: GroupCommit
  readonly #makeEpoch: () => Epoch
  readonly #listeners = new Set<DurableListener>()
  readonly #stopping = new AbortController()
  #statusTimer: Promise<void> | undefined
  #drops: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | undefined

  constructor(parts: LmdbJournalParts) {
    super(parts)
    const { environment, records, statuses, maxBytes, reserveBytes } = parts
    this.#makeEpoch = parts.makeEpoch
    this.#commits = new GroupCommit({
      environment,
      records,
      statuses,
      maxBytes,
      reserveBytes,
      onDurable: (durable) => this.#tell(durable),
    })
  }

  get epoch(): Epoch {
    return this.epochs.at(-1)!.epoch
  }

  append(draft: TransactionDraft, condition: AppendCondition = {}): Promise<TransactionRecord> {
    if (this.#stopped !== undefined) return Promise.reject(stopped())
    return this.#commits.append(draft, this.parts.clock.nowMs(), condition.isCritical ?? false)
  }

  onDurable(listener: DurableListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** One process writes and it folds its own records at once: nothing to catch up with. */
  async catchUp(): Promise<void> {}

  async setStatus(changes: readonly StatusChange[]): Promise<void> {
    this.#refuseStopped()
    this.parts.statuses.set(changes)
    this.#statusTimer ??= this.#flushLater()
  }

  appendRefusal(): OutpostError | undefined {
    return this.#commits.refusal()
  }

  diskRoomBytes(): number {
    return this.parts.environment.space.roomBytes
  }

  async drop(through: Seq): Promise<void> {
    this.#refuseStopped()
    const dropped = this.#drops.then(() =>
      dropInSlices(this.parts, this.answers, through, (write) => this.#write(write)),
    )
    this.#drops = dropped.catch(() => undefined)
    await dropped
  }

  async openEpoch(): Promise<Epoch> {
    this.#refuseStopped()
    const { records, environment } = this.parts
    return await this.#commits.between(async () => {
      const epoch = this.#makeEpoch()
      const epochs = withEpoch(records.epochs, { epoch, from: records.lastSeq + 1 }, records.firstSeq)
      await this.#write(() => [putEpochs(environment, epochs)])
      records.epochs = epochs
      return epoch
    })
  }

  async setFact(name: string, value: string): Promise<void> {
    this.#refuseStopped()
    await this.#write(() => [putFact(this.parts.environment, name, value)])
    this.parts.facts.set(name, value)
  }

  override stop(): Promise<void> {
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  /** One LMDB transaction outside the appends; durable when it resolves. */
  async #write(write: () => readonly Promise<boolean>[]): Promise<void> {
    const { failure } = this.#commits
    if (failure !== undefined) throw new OutpostError('journal_failed', failure.message, { cause: failure })
    try {
      this.parts.environment.space.refuseWrite()
      await commit(this.parts.environment, write)
    } catch (error) {
      const known = writeError(error, this.parts.environment)
      if (known.code === 'journal_failed') this.#commits.fail(known)
      throw known
    }
  }

  async #flushLater(): Promise<void> {
    await this.parts.clock.sleep(statusDelayMs, this.#stopping.signal)
    this.#statusTimer = undefined
    if (this.parts.statuses.hasDirty) this.#commits.flushStatuses()
  }

  #tell(durable: readonly TransactionRecord[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(durable)
      } catch (error) {
        // The records are durable whatever a listener does: their appends resolve, and the fault surfaces by itself.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  async #close(): Promise<void> {
    this.#stopping.abort()
    await this.#statusTimer
    await this.#drops
    await this.#commits.settled()
    const { environment, clock } = this.parts
    // Where the disk is full the lock stays: the next process sees that this one has ended.
    if (this.#commits.failure === undefined) await releaseWriterLock(environment).catch(() => undefined)
    this.isClosed = true
    const closed = environment.root.close()
    // LMDB may never answer again after an input/output error.
    await (this.#commits.failure === undefined ? closed : Promise.race([closed, clock.sleep(closeDelayMs)]))
  }

  #refuseStopped(): void {
    if (this.#stopped !== undefined) throw stopped()
  }
}

function stopped(): OutpostError {
  return new OutpostError('site_stopped', 'The journal is closed and takes no more writes')
}
