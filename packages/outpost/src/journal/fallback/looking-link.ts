import type { Script } from '../redis/lua.ts'
import type { Reply } from '../redis/replies.ts'
import type { StoreLink } from '../redis/store-link.ts'
import type { LocalStore } from './local-store.ts'

/** The way to a local store for who only looks. */
export class LookingLink implements StoreLink {
  readonly isUp = true
  readonly isServerUp = true
  readonly outage = undefined
  readonly #store: LocalStore
  #stopped: Promise<void> | undefined

  constructor(store: LocalStore) {
    this.#store = store
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  isUpWithin(): Promise<boolean> {
    return Promise.resolve(true)
  }

  run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    const reply = this.#store.look(script, args.slice(1))
    if (reply === undefined) return Promise.reject(new TypeError('A reader writes nothing.'))
    return Promise.resolve(reply)
  }

  entries(from: number, to: number): Promise<readonly Reply[]> {
    return Promise.resolve(this.#store.entries(from, to))
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#store.close()
    return this.#stopped
  }
}
