import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openSite, type PreflightOptions, type Site } from 'outpost/site'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { type Row, rowOf, shown } from './row.ts'
import { type Stage, withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { appends: 2_000, pending: 10_000 },
  quick: { appends: 500, pending: 2_000 },
  smoke: { appends: 10, pending: 20 },
}

/** Ways to record, each a site of its own on one replica. */
const ways = [
  { name: 'without', preflight: undefined },
  { name: 'pre-flight', preflight: {} },
  { name: 'pre-flight that trusts seen references', preflight: { trustReferencesMs: 60_000 } },
] as const

/**
 * What the pre-flight adds to the acknowledgement of a file: its checks, its unique name, and the unit and module that
 * it refers to. One writer, one after another, with the link cut so that nothing drains beside it.
 */
export async function preflightShare({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { appends, pending } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const opened = await Promise.all(ways.map((way) => openWriter(stage, way)))
    stage.link.cut()
    const rows: Row[] = []
    for (const backlog of [0, pending]) {
      onProgress(`${appends} appends with ${backlog} pending, ${ways.length} ways`)
      for (const writer of opened) await writer.fill(backlog)
      const times = await alternating(opened, appends)
      const [without, ...others] = times.map(median)
      for (const [index, value] of others.entries()) {
        rows.push(
          rowOf({
            measure: `append of a file, ${backlog} pending, ${ways[index + 1]!.name}, p50 (ms)`,
            baseline: 'append without pre-flight',
            value,
            baselineValue: without!,
            goal: shown,
          }),
        )
      }
    }
    return rows
  })
}

interface Writer {
  readonly site: Site
  append(isChecked?: boolean): Promise<void>
  fill(count: number): Promise<void>
}

/** In turn, so that a noisy moment meets all of them. Milliseconds of each append. */
async function alternating(writers: readonly Writer[], appends: number): Promise<readonly number[][]> {
  const times: number[][] = writers.map(() => [])
  for (let round = 0; round < appends; round += 1) {
    for (const [index, writer] of writers.entries()) {
      const startedMs = performance.now()
      await writer.append()
      times[index]!.push(performance.now() - startedMs)
    }
  }
  return times
}

async function openWriter(
  stage: Stage,
  { name, preflight }: { readonly name: string; readonly preflight: PreflightOptions | undefined },
): Promise<Writer> {
  const database = { user: 'postgres', database: stage.database }
  const { host, port } = stage.cluster.standby
  const siteName = name.replaceAll(' ', '-')
  const site = await openSite({
    name: siteName,
    type: 'secondary',
    main: { ...stage.mainOverLink, ...database },
    local: { host, port, ...database },
    journalPath: join(stage.folder, siteName),
    secretKey: 'the secret of the benchmark',
    ...(preflight && { preflight }),
  })
  stage.stopsFirst(() => site.stop())
  const start = site.transaction()
  const unit = start.insert('executed_obs_unit', { obs_unit_id: stage.obsUnitId, status: 'running' })
  await site.append(start)
  const append = async (isChecked = true) => {
    const write = site.transaction()
    const file = {
      executed_obs_unit_id: String(unit.get('id')),
      instrument_module_id: stage.moduleIds[0],
      name: randomUUID(),
    }
    write.insert('raw_data_file', { ...file, size_bytes: 1_000 })
    await site.append(write, { preflight: isChecked })
  }
  const fill = async (count: number) => {
    for (let done = 0; done < count; done += 100)
      await Promise.all(Array.from({ length: 100 }, () => append(false)))
  }
  return { site, append, fill }
}
