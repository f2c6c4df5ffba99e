import { Client } from 'pg'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { drain } from './drain.ts'
import { atLeast, type Row, rowOf } from './row.ts'
import { type Stage, withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { transactions: 20_000, rounds: 3, loopTransactions: 24 },
  quick: { transactions: 20_000, rounds: 1, loopTransactions: 8 },
  smoke: { transactions: 200, rounds: 1, loopTransactions: 2 },
}
const roundTripMs = 250

/** The backlog of an outage over a long link: batches of one CALL against a statement at a time. */
export async function drainDelayed({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { transactions, rounds, loopTransactions } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const product: number[] = []
    const loop: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const site = `drain-${round}`
      const drained = await drain(stage, { site, transactions, roundTripMs, onProgress })
      product.push(drained.transactions / drained.seconds)
      onProgress(`${loopTransactions} transactions by the documented loop`)
      loop.push(await documentedLoop(stage, loopTransactions))
    }
    return [
      rowOf({
        measure: `drain at ${roundTripMs} ms round trip, ${transactions} transactions of two operations (1/s)`,
        baseline: 'pop, BEGIN, statements, COMMIT, position',
        value: median(product),
        baselineValue: median(loop),
        goal: atLeast(5_000),
      }),
    ]
  })
}

/**
 * The loop that such buffers are documented with: take the next transaction from the local queue, BEGIN, one
 * statement after another, COMMIT, ask for the position. The queue is in memory and costs nothing here.
 */
async function documentedLoop(stage: Stage, transactions: number): Promise<number> {
  const { host, port } = stage.mainOverLink
  const { rows } = await stage.onMain.query<{ id: string }>('SELECT id FROM executed_obs_unit LIMIT 1')
  const queue = Array.from({ length: transactions }, (_, number) => number)
  const client = new Client({ host, port, user: 'postgres', database: stage.database })
  stage.link.delay(roundTripMs)
  await client.connect()
  const startedMs = performance.now()
  for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
    await client.query('BEGIN')
    for (const part of ['a', 'b']) {
      await client.query(
        `INSERT INTO raw_data_file (executed_obs_unit_id, instrument_module_id, name, size_bytes)
         VALUES ($1, $2, $3, $4)`,
        [rows[0]!.id, stage.moduleIds[0], `loop_${startedMs}_${number}${part}.fits`, 250_000_000],
      )
    }
    await client.query('COMMIT')
    await client.query('SELECT pg_current_wal_lsn()')
  }
  const seconds = (performance.now() - startedMs) / 1000
  await client.end()
  stage.link.delay(0)
  return transactions / seconds
}
