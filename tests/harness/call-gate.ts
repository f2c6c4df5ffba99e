import type { SiteSeams } from 'outpost/site'
import { replaceMethods } from './replace-methods.ts'

/** Holds CALLs back at the site while a backlog is made, which then goes in few and full batches. */
export class CallGate {
  #opened: Promise<void> = Promise.resolve()
  open: () => void = () => undefined

  readonly seams: SiteSeams = {
    sessions: (open) => async (signal) => {
      const session = await open(signal)
      return replaceMethods(session, {
        apply: async (call) => {
          await this.#opened
          return await session.apply(call)
        },
      })
    },
  }

  close(): void {
    this.#opened = new Promise((resolve) => {
      this.open = resolve
    })
  }
}
