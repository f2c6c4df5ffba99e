import type { Clock } from '../../clock/clock.ts'
import type { Epoch } from '../../transaction/transaction.ts'
import { refuseAttach } from '../redis/attach-refusal.ts'
import { keysOf } from '../redis/keys.ts'
import { attach, catchUp, load } from '../redis/lua.ts'
import { listOf, pairsOf, parseNews } from '../redis/replies.ts'
import { type Durability, judgeServer, readServerFacts } from '../redis/server-check.ts'
import type { RedisSession } from '../redis/session.ts'
import type { LocalStore } from './local-store.ts'

export interface PairedGreetingOptions {
  readonly site: string
  readonly clock: Clock
  readonly allowed: Durability
  readonly makeId: () => string
  readonly makeEpoch: () => Epoch
  readonly store: LocalStore
  readonly onDurability: (durability: Durability) => void
}

/** Between two looks while another process takes the first copy. */
const pauseMs = 50

/** Looks at the server of a new connection, for a site that keeps a local store beside it. */
export class PairedGreeting {
  readonly #options: PairedGreetingOptions
  #isStarted = false

  constructor(options: PairedGreetingOptions) {
    this.#options = options
  }

  /**
   * Whether the server keeps its word and, unless the site is away from Redis, whether it has what the copy has: one that
   * lacks it is left. Takes the first copy. Errors: `config_invalid`, `journal_corrupt`, those of the connection.
   */
  async greet(session: RedisSession): Promise<void> {
    const { allowed, makeId, makeEpoch, store, onDurability } = this.#options
    const facts = await readServerFacts((args) => session.command(args))
    onDurability(judgeServer(facts, allowed))
    const { mode, journal, last, keeper } = store.state
    const isStart = !this.#isStarted
    if (mode !== 'redis') return
    const reply = await session.run(attach, [
      makeId(),
      facts.run,
      makeEpoch(),
      journal,
      String(last),
      store.idOf(last) ?? '',
      isStart ? 'start' : '',
      keeper,
    ])
    this.#isStarted = true
    if (reply[0] === 'lost') {
      const { state } = store
      const isStill = state.mode === 'redis' && state.journal === journal
      if (isStill) await store.leave('Redis has lost transactions that were acknowledged')
      return
    }
    refuseAttach(reply)
    if (journal === '') await this.#takeFirstCopy(session, String(reply[1]))
  }

  /** One process takes it; the others wait. */
  async #takeFirstCopy(session: RedisSession, journal: string): Promise<void> {
    const { store, clock } = this.#options
    while (store.state.journal === '') {
      if (await store.claimFirstCopy(journal)) await this.#copyAll(session, journal)
      else await clock.sleep(pauseMs)
    }
  }

  async #copyAll(session: RedisSession, journal: string): Promise<void> {
    const { store } = this.#options
    const [, first, , folded, runs] = await session.run(load, [journal])
    await store.beginCopy(Number(first), Number(folded), pairsOf(runs))
    for (let isWhole = false; !isWhole; ) {
      const { last, change } = store.state
      const news = parseNews((await session.run(catchUp, [journal, String(last), String(change), '-1']))[1])
      await store.addToCopy(journal, news)
      isWhole = news.isWhole
    }
    await this.#copyAnswers(session)
    await store.endCopy(journal)
  }

  async #copyAnswers(session: RedisSession): Promise<void> {
    const { site, store } = this.#options
    const prefix = keysOf(site).answer
    let cursor = '0'
    do {
      const [next, keys] = listOf(
        await session.command(['SCAN', cursor, 'MATCH', `${globOf(prefix)}*`, 'COUNT', '1000']),
      )
      const names = listOf(keys).map(String)
      const texts = names.length === 0 ? [] : listOf(await session.command(['MGET', ...names]))
      const found = names.flatMap((name, index) =>
        typeof texts[index] === 'string' ? [[name.slice(prefix.length), texts[index]] as const] : [],
      )
      await store.addAnswers(found)
      cursor = String(next)
    } while (cursor !== '0')
  }
}

/** Pure: a text as a pattern that matches nothing else. */
function globOf(text: string): string {
  return text.replace(/[\\*?[\]{}]/g, '\\$&')
}
