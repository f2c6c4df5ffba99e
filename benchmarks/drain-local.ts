import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { drain } from './drain.ts'
import { atLeast, type Row, rowOf } from './row.ts'
import { type Stage, withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { transactions: 20_000, rounds: 3 },
  quick: { transactions: 10_000, rounds: 1 },
  smoke: { transactions: 200, rounds: 1 },
}
const rowsPerStatement = 1_000
const columns =
  'id, executed_obs_unit_id, instrument_module_id, raw_data_package_id, name, relative_path, size_bytes, checksum, file_type, created_at'

/** What exactly-once costs where the network costs nothing: the same rows by the fastest plain statements. */
export async function drainLocal({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { transactions, rounds } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const product: number[] = []
    const plain: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const drained = await drain(stage, { site: `local-${round}`, transactions, roundTripMs: 0, onProgress })
      product.push(drained.rows / drained.seconds)
      plain.push(await insertAgain(stage))
      onProgress(`${product.at(-1)!.toFixed(0)} rows/s drained, ${plain.at(-1)!.toFixed(0)} rows/s inserted`)
    }
    return [
      rowOf({
        measure: `drain without delay, ${transactions} transactions of two operations (rows/s)`,
        baseline: `INSERT of the same rows, ${rowsPerStatement} a statement`,
        value: median(product),
        baselineValue: median(plain),
        goal: atLeast(0.3),
      }),
    ]
  })
}

/** Takes the drained rows away and inserts them again, over the same connection, keys and indexes. */
async function insertAgain(stage: Stage): Promise<number> {
  const { rows } = await stage.onMain.query<unknown[]>({
    text: `SELECT ${columns} FROM raw_data_file ORDER BY id`,
    rowMode: 'array',
  })
  await stage.onMain.query('TRUNCATE raw_data_file')
  const chunks: unknown[][][] = []
  for (let at = 0; at < rows.length; at += rowsPerStatement)
    chunks.push(rows.slice(at, at + rowsPerStatement))
  const startedMs = performance.now()
  for (const chunk of chunks) {
    await stage.onMain.query(
      `INSERT INTO raw_data_file (${columns}) VALUES ${placeholders(chunk)}`,
      chunk.flat(),
    )
  }
  const seconds = (performance.now() - startedMs) / 1000
  await stage.onMain.query('TRUNCATE raw_data_file')
  return rows.length / seconds
}

function placeholders(rows: readonly (readonly unknown[])[]): string {
  const width = rows[0]!.length
  return rows
    .map(
      (_, row) => `(${Array.from({ length: width }, (_none, at) => `$${row * width + at + 1}`).join(', ')})`,
    )
    .join(', ')
}
