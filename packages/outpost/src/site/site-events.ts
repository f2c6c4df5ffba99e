import type { SiteEvent } from './site-api.ts'

interface Listener {
  readonly tell: (event: SiteEvent) => void
  readonly kinds?: readonly SiteEvent['kind'][]
}

function isFor(listener: Listener, kind: SiteEvent['kind']): boolean {
  return listener.kinds === undefined || listener.kinds.includes(kind)
}

/** Hands events to listeners. A listener that throws is the program's fault and surfaces as an uncaught exception. */
export class SiteEvents {
  readonly #listeners = new Set<Listener>()

  /** `kinds` left out: all. */
  on(tell: (event: SiteEvent) => void, kinds?: readonly SiteEvent['kind'][]): () => void {
    const listener: Listener = { tell, ...(kinds && { kinds }) }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  hasListenersFor(kind: SiteEvent['kind']): boolean {
    return [...this.#listeners].some((listener) => isFor(listener, kind))
  }

  emit(event: SiteEvent): void {
    for (const listener of this.#listeners) {
      if (!isFor(listener, event.kind)) continue
      try {
        listener.tell(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
