import type { TraceEvent } from './trace.ts'

interface Acknowledged {
  readonly seq: number
  /** Number of the sample draft: tells its id. */
  readonly number: number
}

/** What had left the program before some moment. */
export interface Told {
  readonly acknowledged: readonly Acknowledged[]
  /** Highest seq that it had begun to drop. */
  readonly dropped: number
}

/** Reads `ACK` and `DROP` lines. */
export function toldIn(output: string): Told {
  const acknowledged = [...output.matchAll(/^ACK (\d+) (\d+)$/gm)].map((match) => ({
    seq: Number(match[1]),
    number: Number(match[2]),
  }))
  const dropped = Math.max(0, ...[...output.matchAll(/^DROP (\d+)$/gm)].map((match) => Number(match[1])))
  return { acknowledged, dropped }
}

/** Every moment at which an acknowledgement left, with all that had been told by then. */
export function moments(
  events: readonly TraceEvent[],
): readonly { readonly line: number; readonly told: Told }[] {
  let output = ''
  return events.flatMap((event) => {
    if (event.kind !== 'write' || event.fd !== 1) return []
    output += event.data.toString()
    return event.data.toString().startsWith('ACK') ? [{ line: event.startedAt, told: toldIn(output) }] : []
  })
}
