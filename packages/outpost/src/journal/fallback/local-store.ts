import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock/clock.ts'
import type { Epoch, Seq, TransactionId } from '../../transaction/transaction.ts'
import { commitCause, writeError } from '../lmdb/lmdb-error.ts'
import { isAlive, ownIdentity } from '../lmdb/process-identity.ts'
import type { Script } from '../redis/lua.ts'
import { unavailable } from '../redis/redis-error.ts'
import type { News, Reply } from '../redis/replies.ts'
import { takeNews } from './copying.ts'
import {
  closeLocalEnvironment,
  type DropPlace,
  type LocalEnvironment,
  type LocalRecord,
  openLocalEnvironment,
} from './local-environment.ts'
import { lookOf, type Times, writeOf } from './local-scripts.ts'
import { emptyState, isRunning, type LocalState, leftRedis, type Mode, withNewEpoch } from './local-state.ts'
import { LocalTables } from './local-tables.ts'

export interface LocalStoreOptions {
  readonly path: string
  readonly clock: Clock
  /** This process, among those at the site. */
  readonly author: string
  readonly makeEpoch: () => Epoch
}

/** A process that brings the journal back and says nothing for so long has failed. */
const returnMs = 5_000

/**
 * The copy of a journal in Redis on the site's own machine, which is the journal while Redis is away. All processes of
 * the site write it, each change in one LMDB transaction that is synced before it is answered; which of the two stores
 * counts is decided within that transaction and nowhere else.
 */
export class LocalStore {
  readonly #env: LocalEnvironment
  readonly #options: LocalStoreOptions

  private constructor(env: LocalEnvironment, options: LocalStoreOptions) {
    this.#env = env
    this.#options = options
  }

  /** Errors: those of {@link openLocalEnvironment}. */
  static async open(options: LocalStoreOptions): Promise<LocalStore> {
    const store = new LocalStore(await openLocalEnvironment(options.path), options)
    try {
      // Readers that were killed would keep their pages for ever.
      store.#env.root.readerCheck()
      await store.write(() => undefined)
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  /** As it is now, whoever changed it. */
  get state(): LocalState {
    this.#env.root.resetReadTxn()
    return this.#env.state.get('state') ?? emptyState('', this.#options.clock.nowMs())
  }

  /** Id of the transaction with this seq, while its record is there. */
  idOf(seq: Seq): TransactionId | undefined {
    this.#env.root.resetReadTxn()
    return this.#env.records.get(seq)?.[2]
  }

  /** The answer of a script that only looks; undefined for one that writes. */
  look(script: Script, args: readonly string[]): readonly Reply[] | undefined {
    const handler = lookOf(script)
    return handler?.(new LocalTables(this.#env, this.state), args, this.times)
  }

  /** Records as XRANGE gives them. */
  entries(from: Seq, to: Seq): readonly Reply[] {
    this.#env.root.resetReadTxn()
    const found = [...this.#env.records.getRange({ start: from, end: to + 1 })]
    return found.map(({ key, value: [at, body, id, digest] }) => [
      `${key}-0`,
      ['t', String(at), 'b', body, 'i', id, 'k', digest],
    ])
  }

  /** Runs a script that writes while the site is away from Redis; undefined when it is not (any more). */
  async run(script: Script, args: readonly string[]): Promise<readonly Reply[] | undefined> {
    const handler = writeOf(script)
    this.refuseFull(args)
    return await this.write((tables) => {
      if (tables.state.mode !== 'fallback') return undefined
      return handler(tables, args, this.times)
    })
  }

  /** Throws `journal_full` when the disk might not take these texts. */
  refuseFull(texts: readonly string[]): void {
    this.#env.space.refuseAppend(charactersOf(texts))
  }

  /** The same for what Redis has stored already: it may use the room that appends leave alone. */
  refuseUncopied(texts: readonly string[]): void {
    this.#env.space.refuseWrite(charactersOf(texts))
  }

  /** The site leaves Redis, unless somebody was faster. Answers whether it did. */
  async leave(reason: string): Promise<boolean> {
    const { makeEpoch, clock } = this.#options
    return await this.write((tables) => {
      if (tables.state.mode !== 'redis' || tables.state.journal === '') return false
      tables.state = leftRedis(tables.state, reason, makeEpoch(), clock.nowMs())
      // Until the others have said how they reach it, this one stands for all.
      void tables.env.participants.put(this.author, { identity: ownIdentity(), isUp: false })
      return true
    })
  }

  /** A process that starts while the site is away from Redis and nobody leads begins a new epoch, as in Redis. */
  async beginUnlessLed(): Promise<void> {
    await this.write((tables) => {
      const { mode, lease } = tables.state
      if (mode === 'redis' || (lease !== undefined && isRunning(lease, this.machineMs))) return
      tables.state = withNewEpoch(tables.state, this.#options.makeEpoch())
    })
  }

  /** The right to take the first copy of this journal. False while another process has it. */
  async claimFirstCopy(journal: string): Promise<boolean> {
    return await this.write((tables) => {
      const { returner } = tables.state
      const isMine = returner?.holder === this.author
      if (
        tables.state.journal !== '' ||
        (returner !== undefined && !isMine && isRunning(returner, this.machineMs))
      )
        return false
      this.#keepFirstCopy(tables, journal)
      return true
    })
  }

  async beginCopy(first: Seq, folded: number, runs: readonly (readonly [string, string])[]): Promise<void> {
    await this.write((tables) => {
      const { env, state } = tables
      // What an earlier try has left.
      for (const table of [env.records, env.ids, env.keyed, env.changes, env.runs, env.facts])
        table.clearSync()
      for (const [chunk, text] of runs) void env.runs.put(Number(chunk), text)
      tables.state = {
        ...emptyState(state.keeper, state.sinceMs),
        ...(state.returner && { returner: state.returner }),
        first,
        last: first - 1,
        change: folded,
        folded,
        kept: folded + 1,
      }
    })
  }

  async addToCopy(journal: string, news: News): Promise<void> {
    await this.write((tables) => {
      takeNews(tables, news, news.records, this.times.nowMs)
      this.#keepFirstCopy(tables, journal)
    })
  }

  async addAnswers(answers: readonly (readonly [string, string])[]): Promise<void> {
    await this.write((tables) => {
      for (const [digest, text] of answers) tables.putAnswer(digest, text)
    })
  }

  /** The copy is whole. */
  async endCopy(journal: string): Promise<void> {
    await this.write((tables) => {
      const { returner, ...rest } = tables.state
      tables.state = { ...rest, journal }
    })
  }

  #keepFirstCopy(tables: LocalTables, identity: string): void {
    const untilMs = this.machineMs + returnMs
    tables.update({ returner: { identity, holder: this.author, untilMs, ttlMs: returnMs } })
  }

  /** Takes or keeps the right to bring the journal back, under an identity. False while another has it. */
  async claimReturn(identity: string): Promise<boolean> {
    return await this.write((tables) => {
      const { mode, returner } = tables.state
      const isMine = returner?.identity === identity
      const isTaken = returner !== undefined && !isMine && isRunning(returner, this.machineMs)
      if (mode === 'redis' || isTaken || (mode === 'returning' && !isMine)) return false
      const untilMs = this.machineMs + returnMs
      tables.update({ returner: { identity, holder: this.author, untilMs, ttlMs: returnMs } })
      return true
    })
  }

  /** Appends wait from now on, until the site turns to Redis or the return is given up. Error: `journal_unavailable`. */
  async holdAppends(identity: string): Promise<void> {
    await this.#asReturner(identity, 'fallback', (tables) => tables.update({ mode: 'returning' }))
  }

  /** The journal is in Redis, under this identity. Error: `journal_unavailable` where the return was given up. */
  async turnToRedis(identity: string): Promise<void> {
    const sinceMs = this.#options.clock.nowMs()
    await this.#asReturner(identity, 'returning', (tables) => {
      const { returner, ...rest } = tables.state
      tables.state = { ...rest, mode: 'redis', journal: identity, reason: '', sinceMs }
    })
  }

  /** Ends this return or, without an identity, one whose process has gone silent. */
  async giveUpReturn(identity?: string): Promise<void> {
    const isOver = ({ returner }: LocalState) =>
      identity === undefined
        ? returner !== undefined && !isRunning(returner, this.machineMs)
        : returner?.identity === identity
    if (!isOver(this.state)) return
    await this.write((tables) => {
      if (!isOver(tables.state)) return
      const { returner, ...rest } = tables.state
      tables.state = { ...rest, mode: 'fallback' }
    })
  }

  /** Records from a seq on. */
  records(from: Seq, limit: number): readonly LocalRecord[] {
    this.#env.root.resetReadTxn()
    return [...this.#env.records.getRange({ start: from, limit })].map(({ value }) => value)
  }

  /** Digest and answer of what was dropped from this place on, and the place behind; no place behind the last. */
  answersFrom(
    start: DropPlace,
    limit: number,
  ): { readonly answers: readonly (readonly [string, string])[]; readonly next?: DropPlace } {
    this.#env.root.resetReadTxn()
    const places = [...this.#env.expiries.getRange({ start, limit })].map(({ key }) => key)
    const answers = places.flatMap(([, digest]) => {
      const text = this.#env.answers.get(digest)
      return text === undefined ? [] : [[digest, text] as const]
    })
    const last = places.at(-1)
    return { answers, ...(last && { next: [last[0], `${last[1]} `] satisfies DropPlace }) }
  }

  /** What Redis is to hold beside the records. */
  summary(): readonly string[] {
    return new LocalTables(this.#env, this.state).summary()
  }

  /** Says to the others that this process uses the store, and whether it reaches Redis. */
  async participate(isUp: boolean): Promise<void> {
    const identity = ownIdentity()
    await this.write(({ env }) => void env.participants.put(this.#options.author, { identity, isUp }))
  }

  async part(): Promise<void> {
    await this.write(({ env }) => void env.participants.remove(this.#options.author))
  }

  /** Whether every process that uses the store and lives reaches Redis. */
  get isRedisUpForAll(): boolean {
    this.#env.root.resetReadTxn()
    const found = [...this.#env.participants.getRange()]
    return found.every(({ value: { isUp, identity } }) => isUp || !isAlive(identity))
  }

  /** Whether nobody is bringing the journal back, or who does has gone silent. */
  get isReturnFree(): boolean {
    const { returner } = this.state
    return returner === undefined || !isRunning(returner, this.machineMs)
  }

  /** The clock that all processes of this machine share, from its start. */
  get machineMs(): number {
    return Number(process.hrtime.bigint() / 1_000_000n)
  }

  async #asReturner(identity: string, mode: Mode, work: (tables: LocalTables) => void): Promise<void> {
    const isDone = await this.write((tables) => {
      const isMine = tables.state.returner?.identity === identity && tables.state.mode === mode
      if (isMine) work(tables)
      return isMine
    })
    if (!isDone) throw unavailable('another process is bringing the journal back')
  }

  get times(): Times {
    return { nowMs: this.#options.clock.nowMs(), machineMs: this.machineMs }
  }

  get author(): string {
    return this.#options.author
  }

  get path(): string {
    return this.#env.path
  }

  get roomBytes(): number {
    return this.#env.space.roomBytes
  }

  /**
   * One transaction, synced when it resolves. Errors: `journal_full` before anything was written, `journal_failed`.
   * `work` must not throw after its first write.
   */
  async write<T>(work: (tables: LocalTables) => T): Promise<T> {
    const env = this.#env
    env.space.refuseWrite()
    const { clock } = this.#options
    try {
      const done = env.root.transaction(() => {
        const before = env.state.get('state')
        const tables = new LocalTables(env, before ?? emptyState(randomUUID(), clock.nowMs()))
        const result = work(tables)
        if (tables.state !== before) void env.state.put('state', tables.state)
        return result
      })
      holdBatch(env)
      return await done
    } catch (error) {
      throw writeError(await commitCause(error), env)
    }
  }

  async close(): Promise<void> {
    await closeLocalEnvironment(this.#env)
  }
}

const charactersOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0)

/** lmdb's own promise of the batch is handed to nobody: its rejection would end the process. */
function holdBatch({ root }: LocalEnvironment): void {
  const ignore = () => {}
  setImmediate(() => void root.committed.then(ignore, ignore))
}
