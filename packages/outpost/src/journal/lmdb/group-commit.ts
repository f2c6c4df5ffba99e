import { OutpostError } from '../../errors/outpost-error.ts'
import type { Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import { epochOf } from '../epoch-table.ts'
import { recordOf } from '../record-codec.ts'
import type { StatusStore } from '../status-store.ts'
import { commit } from './commit.ts'
import { CommitGroup } from './commit-group.ts'
import type { Environment } from './environment.ts'
import { writeError } from './lmdb-error.ts'
import type { RecordStore } from './record-store.ts'

/** Bytes that may wait for the disk; beyond them an append is refused instead of filling memory. */
export const maxWaitingBytes = 256 * 2 ** 20
/** What a group of ordinary appends comes to: with less than this on the disk hardly anything can be recorded. */
const ordinaryBytes = 64 * 2 ** 10

export interface GroupCommitOptions {
  readonly environment: Environment
  readonly records: RecordStore
  readonly statuses: StatusStore
  /** Soft limit of {@link RecordStore.bytes}. */
  readonly maxBytes: number
  /** The last part of {@link maxBytes}, which only critical appends may use. */
  readonly reserveBytes: number
  readonly onDurable: (records: readonly TransactionRecord[]) => void
}

/**
 * Makes appends durable in groups: whoever calls while a commit is under way shares the next one, and a lone append
 * goes at the end of the present turn of the event loop.
 *
 * States: idle → committing → idle; failed (final). Invariant: at most one group is being committed; its seqs follow
 * the last durable one, so a group that was not stored leaves no gap.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #open: CommitGroup
  #spare: CommitGroup
  #isScheduled = false
  #underWay: Promise<void> | undefined
  #failure: OutpostError | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#open = new CommitGroup(options.records.seed)
    this.#spare = new CommitGroup(options.records.seed)
  }

  get failure(): OutpostError | undefined {
    return this.#failure
  }

  append(draft: TransactionDraft, bufferedAtMs: number, isCritical: boolean): Promise<TransactionRecord> {
    const refusal = this.#refusal(isCritical)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      this.#open.add({ draft, bufferedAtMs, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits changed statuses together with the next group, or alone when nothing is appended. */
  flushStatuses(): void {
    this.#schedule()
  }

  /** Resolves when everything accepted so far was stored or refused. */
  async settled(): Promise<void> {
    while (this.#isScheduled || this.#underWay !== undefined) {
      if (this.#underWay !== undefined) await this.#underWay
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Runs an operation while no group is being committed; appends meanwhile wait for it. */
  async between<T>(operation: () => Promise<T>): Promise<T> {
    while (this.#underWay !== undefined) await this.#underWay
    const result = operation()
    this.#underWay = result.then(
      () => this.#finish(),
      () => this.#finish(),
    )
    return await result
  }

  #finish(): void {
    this.#underWay = undefined
    if (this.#open.waiting.length > 0 || this.#options.statuses.hasDirty) this.#schedule()
  }

  /** Ends the journal: no later write succeeds. */
  fail(error: OutpostError): void {
    this.#failure ??= error
  }

  /** As an ordinary group of critical appends would be judged now, the disk included. */
  refusal(): OutpostError | undefined {
    const refusal = this.#refusal(true)
    if (refusal !== undefined) return refusal
    try {
      this.#options.environment.space.refuseAppend(ordinaryBytes)
      return undefined
    } catch (error) {
      return error instanceof OutpostError ? error : new OutpostError('journal_failed', String(error))
    }
  }

  #refusal(isCritical: boolean): OutpostError | undefined {
    if (this.#failure !== undefined) return finalError(this.#failure)
    const waiting = this.#open.bytes
    if (waiting > maxWaitingBytes) return full(`${waiting} bytes are waiting for the disk already`)
    const { records, maxBytes, reserveBytes } = this.#options
    const bytes = records.bytes + waiting
    if (bytes < maxBytes - reserveBytes) return undefined
    if (bytes >= maxBytes) return full(`The journal holds ${bytes} bytes and its limit is ${maxBytes}`)
    if (isCritical) return undefined
    return full(
      `The journal holds ${bytes} of ${maxBytes} bytes, and the last ${reserveBytes} are kept for critical writes`,
    )
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underWay !== undefined) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      // An operation between two groups may have begun meanwhile; its end schedules again.
      if (this.#underWay === undefined) this.#underWay = this.#commit()
    })
  }

  async #commit(): Promise<void> {
    const group = this.#open
    this.#open = this.#spare
    this.#spare = group
    const statuses = this.#options.statuses.takeDirty()
    const stored = await this.#store(group, statuses)
    this.#options.statuses.settled(statuses, stored === undefined)
    if (stored === undefined) this.#acknowledge(group)
    else this.#refuse(group, stored)
    group.reset()
    this.#underWay = undefined
    if (this.#open.waiting.length > 0 || (stored === undefined && this.#options.statuses.hasDirty))
      this.#schedule()
  }

  /** Undefined when the group is on stable storage, else why it is not. */
  async #store(
    group: CommitGroup,
    statuses: ReturnType<StatusStore['takeDirty']>,
  ): Promise<OutpostError | undefined> {
    if (this.#failure !== undefined) return finalError(this.#failure)
    const { environment, records } = this.#options
    try {
      if (group.waiting.length > 0) environment.space.refuseAppend(group.bytes)
      else environment.space.refuseWrite()
      const results = await commit(environment, () => [
        ...appendBlocks(environment, records.lastSeq + 1, group),
        ...statuses.map(([chunk, runs]) => environment.statuses.put(chunk, runs)),
      ])
      if (results.every((isStored) => isStored)) return undefined
      return this.#finally(new OutpostError('journal_failed', 'Another process has written to this journal'))
    } catch (error) {
      return this.#finally(writeError(error, environment))
    }
  }

  #finally(error: OutpostError): OutpostError {
    if (error.code === 'journal_failed') this.fail(error)
    return error
  }

  #acknowledge(group: CommitGroup): void {
    if (group.waiting.length === 0) return
    const { records, statuses, onDurable } = this.#options
    const acknowledged: TransactionRecord[] = []
    let seq = records.lastSeq
    for (const { draft, bufferedAtMs } of group.waiting) {
      seq += 1
      acknowledged.push(recordOf(draft, seq, epochOf(records.epochs, seq), bufferedAtMs))
    }
    for (const block of group.blocks) {
      records.noteBlock(records.lastSeq + 1, block.count, block.bytes, (index) => block.row(index))
    }
    statuses.extend(acknowledged.length)
    onDurable(acknowledged)
    for (const [index, waiting] of group.waiting.entries()) waiting.resolve(acknowledged[index]!)
  }

  #refuse(group: CommitGroup, error: OutpostError): void {
    for (const { reject } of group.waiting) reject(error)
  }
}

function appendBlocks(
  environment: Environment,
  firstSeq: Seq,
  group: CommitGroup,
): readonly Promise<boolean>[] {
  if (group.waiting.length === 0) return []
  let first = firstSeq
  return group.blocks.map((block) => {
    const put = appendBlock(environment, first, block.seal())
    first += block.count
    return put
  })
}

/**
 * Resolves to false when the key is not beyond the last one: then another process has written here, however it got
 * past the lock. Sequential keys also fill LMDB's pages to the brim this way.
 */
function appendBlock(environment: Environment, first: Seq, block: Buffer): Promise<boolean> {
  // lmdb takes options here; its declarations grant them to `putSync` alone.
  const options = { append: true } as unknown as number
  return environment.blocks.put(first, block, options)
}

function full(message: string): OutpostError {
  return new OutpostError('journal_full', message)
}

function finalError(failure: OutpostError): OutpostError {
  return new OutpostError('journal_failed', 'The journal takes no more writes since an earlier one failed', {
    cause: failure,
  })
}
