import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { drain } from './drain.ts'
import { atLeast, type Row, rowOf } from './row.ts'
import { withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { transactions: 40_000, rounds: 3 },
  quick: { transactions: 40_000, rounds: 1 },
  smoke: { transactions: 200, rounds: 1 },
}
const roundTripsMs = [250, 0]
/** With nothing to gain, as much: what the difference between two runs of the same is worth. */
const goals = { 250: atLeast(1.1), 0: atLeast(0.9) } as Readonly<Record<number, ReturnType<typeof atLeast>>>

/**
 * One backlog, with as many batches under way at once as the product chooses by itself, and with one: over a long link,
 * where it sends the next before the answer, and without delay, where it does not.
 */
export async function parallelLanes({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { transactions, rounds } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const rows: Row[] = []
    for (const roundTripMs of roundTripsMs) {
      const rates = { auto: [] as number[], 1: [] as number[] }
      for (let round = 1; round <= rounds; round += 1) {
        for (const calls of ['1', 'auto'] as const) {
          const drained = await drain(stage, {
            site: `lanes-${roundTripMs}-${round}-${calls}`,
            transactions,
            roundTripMs,
            environment: { APPLIER_CALLS: calls },
            onProgress,
          })
          rates[calls].push(drained.transactions / drained.seconds)
        }
      }
      rows.push(
        rowOf({
          measure: `drain at ${roundTripMs} ms round trip, batches under way as chosen (1/s)`,
          baseline: 'one batch at a time',
          value: median(rates.auto),
          baselineValue: median(rates[1]),
          goal: goals[roundTripMs]!,
        }),
      )
    }
    return rows
  })
}
