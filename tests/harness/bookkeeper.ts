import type { Account, Recorded } from './checker.ts'
import type { RecorderLine } from './recorder-protocol.ts'
import { type Intent, intentOf } from './workload.ts'

/**
 * Keeps, outside every process that may die, what a recording program said.
 * Invariant: of each stream at most the newest transaction is in doubt, because a stream waits for each answer.
 */
export class Bookkeeper {
  readonly #acknowledged = new Map<string, Recorded>()
  readonly #doubtful = new Map<string, Intent>()
  readonly #next = new Map<string, number>()
  /** Answers that differ from an earlier answer to the same request: each breaks N22. */
  readonly contradictions: string[] = []
  readonly alarms: string[] = []
  /** Answers to a retry of what was stored before the program died. */
  replays = 0
  slowestMs = 0

  constructor(streams: readonly string[]) {
    for (const name of streams) this.#next.set(name, 0)
  }

  readonly note = (line: RecorderLine): void => {
    switch (line.kind) {
      case 'begun':
        this.#doubtful.set(line.stream, intentOf(line.stream, line.n))
        break
      case 'acknowledged':
        this.#acknowledge(line)
        break
      case 'alarm':
        this.alarms.push(`${line.code}: ${line.message}`)
        break
      case 'ready':
      case 'recorded':
      case 'quiet':
      case 'drained':
        break
    }
  }

  /** Where each stream goes on: at what is in doubt, otherwise behind its newest. */
  get streams(): readonly { readonly name: string; readonly from: number }[] {
    return [...this.#next].map(([name, from]) => ({ name, from }))
  }

  get account(): Account {
    return { acknowledged: [...this.#acknowledged.values()], inDoubt: [...this.#doubtful.values()] }
  }

  #acknowledge(line: Extract<RecorderLine, { readonly kind: 'acknowledged' }>): void {
    const intent = intentOf(line.stream, line.n)
    const name = `${line.stream} ${line.n}`
    const before = this.#acknowledged.get(name)
    if (before !== undefined && before.id !== line.id)
      this.contradictions.push(`${name} was answered as ${before.id} and as ${line.id}`)
    this.#acknowledged.set(name, { id: line.id, seq: line.seq, intent })
    this.#doubtful.delete(line.stream)
    this.#next.set(line.stream, line.n + 1)
    if (line.isReplayed) this.replays += 1
    this.slowestMs = Math.max(this.slowestMs, line.tookMs)
  }
}
