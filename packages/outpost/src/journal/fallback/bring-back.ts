import { randomUUID } from 'node:crypto'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Seq } from '../../transaction/transaction.ts'
import { keptAnswerMs } from '../idempotent-hit.ts'
import type { RedisLink } from '../redis/link.ts'
import type { Script } from '../redis/lua.ts'
import { parseEntry, type Reply } from '../redis/replies.ts'
import type { DropPlace } from './local-environment.ts'
import type { LocalStore } from './local-store.ts'
import { comeBack, giveAnswers, giveBack, settle } from './lua-return.ts'

/** Texts of one call at most, in characters, and records of it. */
const maxChunk = { characters: 4 * 2 ** 20, records: 500 }
const answersAtOnce = 1_000

/**
 * Brings the journal back to Redis: everything that Redis lacks, while appends go on in the local store; then, while
 * they wait, what came meanwhile, statuses and facts; then the site turns to Redis in one transaction. Killed at any
 * moment, another process begins anew; a paused one that goes on later finds its identity fenced off.
 *
 * Errors: `journal_unavailable`; `journal_failed` for a Redis with a journal that is not this one.
 */
export async function bringBack(redis: RedisLink, store: LocalStore): Promise<void> {
  const identity = randomUUID()
  if (!(await store.claimReturn(identity))) return
  try {
    const give = new Giving(redis, store, identity)
    await give.begin()
    while (await give.next()) await store.claimReturn(identity)
    while (await give.nextAnswers()) await store.claimReturn(identity)
    await store.holdAppends(identity)
    while (await give.next()) await store.claimReturn(identity)
    while (await give.nextAnswers()) await store.claimReturn(identity)
    await give.settle()
    await store.turnToRedis(identity)
  } finally {
    await store.giveUpReturn(identity)
  }
}

/** One return. Invariant: Redis has exactly the records of the local store before `from`, since {@link begin}. */
class Giving {
  readonly #redis: RedisLink
  readonly #store: LocalStore
  readonly #identity: string
  #from: Seq = 1
  #answersFrom: DropPlace = [0, '']

  constructor(redis: RedisLink, store: LocalStore, identity: string) {
    this.#redis = redis
    this.#store = store
    this.#identity = identity
  }

  async begin(): Promise<void> {
    const { keeper, first, base, journal, sinceMs } = this.#store.state
    const run = /^run_id:(.*?)\r?$/m.exec(String(await this.#redis.command(['INFO', 'server'])))?.[1] ?? ''
    const reply = await this.#redis.run(comeBack, [this.#identity, keeper, run, String(first), journal])
    if (reply[0] === 'other') throw another('it was begun without this local store')
    const [, firstThere, lastThere, isAsLeft] = reply.map(Number)
    const common = Math.min(lastThere!, base)
    await this.#compare(Math.max(firstThere!, first), common)
    this.#from = common + 1
    // A server that was started again may lack what it was given last, answers of dropped transactions among it.
    if (isAsLeft === 1) this.#answersFrom = [sinceMs, '']
  }

  /** False when there is nothing more to give. */
  async next(): Promise<boolean> {
    const { last } = this.#store.state
    const texts: string[] = []
    let [to, characters] = [this.#from - 1, 0]
    for (const [at, body, id, digest, writes] of this.#store.records(this.#from, maxChunk.records)) {
      if (characters > maxChunk.characters) break
      texts.push(String(at), body, id, digest, writes)
      characters += body.length
      to += 1
    }
    // Also without any: what Redis has beyond was acknowledged to nobody.
    await this.#call(giveBack, [String(this.#from), ...texts])
    this.#from = to + 1
    return to < last
  }

  /** Answers of what was dropped. False when there is none left to give. */
  async nextAnswers(): Promise<boolean> {
    const { answers, next } = this.#store.answersFrom(this.#answersFrom, answersAtOnce)
    if (answers.length > 0) await this.#call(giveAnswers, [String(keptAnswerMs), ...answers.flat()])
    if (next !== undefined) this.#answersFrom = next
    return next !== undefined
  }

  async settle(): Promise<void> {
    await this.#call(settle, this.#store.summary())
  }

  async #compare(first: Seq, seq: Seq): Promise<void> {
    if (seq < first) return
    const [entry] = await this.#redis.entries(seq, seq)
    const there = entry === undefined ? undefined : (JSON.parse(parseEntry(entry).body) as { id: string }).id
    if (there !== this.#store.idOf(seq)) throw another(`its transaction ${seq} is another one`)
  }

  async #call(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    const reply = await this.#redis.run(script, [this.#identity, ...args])
    if (reply[0] === 'ok') return reply
    throw new OutpostError('journal_unavailable', 'Another process is bringing the journal back to Redis.')
  }
}

function another(how: string): OutpostError {
  return new OutpostError('journal_failed', `Redis holds another journal of this site: ${how}`, {
    hint: 'The site goes on in its local store. Look which server answers at REDIS_HOST; empty it of this site, or bring the right file back.',
  })
}
