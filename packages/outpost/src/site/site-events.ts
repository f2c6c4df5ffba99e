import type { SiteEvent } from './site-api.ts'

/** Hands events to listeners. A listener that throws is the program's fault and surfaces as an uncaught exception. */
export class SiteEvents {
  readonly #listeners = new Set<(event: SiteEvent) => void>()

  on(listener: (event: SiteEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0
  }

  emit(event: SiteEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
