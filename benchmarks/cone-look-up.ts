import { join } from 'node:path'
import { openSite, readLmdbJournal, type Site } from 'outpost/site'
import { fillJournal } from './backlog.ts'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { atMost, type Row, rowOf } from './row.ts'
import { type Stage, withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { transactions: 100_000, looks: 200, scans: 5 },
  quick: { transactions: 20_000, looks: 100, scans: 3 },
  smoke: { transactions: 1_000, looks: 5, scans: 1 },
}
const site = 'cones'

/** What it costs to tell who waits for a transaction, beside reading the journal from there on, which needs no index. */
export async function coneLookUp({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { transactions, looks, scans } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    stage.link.cut()
    const folder = join(stage.folder, site)
    onProgress(`filling a journal with ${transactions} transactions`)
    await fillJournal(stage, { site, folder, transactions, filesPerTransaction: 1, onProgress })
    const scanned = await timedScans(join(folder, 'journal', 'lmdb'), scans)
    const opened = await open(stage, join(folder, 'journal'))
    try {
      const [unit] = await opened.transactions({ limit: 1 })
      const [last] = await opened.transactions({ after: transactions - 1, limit: 1 })
      const wide = await timedLooks(opened, unit!.record.id, looks)
      const none = await timedLooks(opened, last!.record.id, looks)
      onProgress(`${wide.count} and ${none.count} wait`)
      const row = (what: string, value: number) =>
        rowOf({
          measure: `cone of ${what}, ${transactions} pending, p50 (ms)`,
          baseline: 'reading the journal from there on',
          value,
          baselineValue: scanned,
          goal: atMost(0.1),
        })
      return [row(`${wide.count} transactions`, wide.ms), row('none', none.ms)]
    } finally {
      await opened.stop()
    }
  })
}

async function open(stage: Stage, journalPath: string): Promise<Site> {
  const database = { user: 'postgres', database: stage.database }
  const { host, port } = stage.cluster.standby
  return await openSite({
    name: site,
    type: 'secondary',
    main: { ...stage.mainOverLink, ...database },
    local: { host, port, ...database },
    journalPath,
    secretKey: 'the secret of the benchmark',
  })
}

async function timedLooks(opened: Site, id: string, looks: number) {
  const times: number[] = []
  let count = 0
  for (let look = 0; look < looks; look += 1) {
    const startedMs = performance.now()
    count = (await opened.deadLetters.cone(id)).count
    times.push(performance.now() - startedMs)
  }
  return { ms: median(times), count }
}

/** The same answer from the records alone: each that names one of those found so far belongs to them. */
async function timedScans(path: string, scans: number): Promise<number> {
  const journal = await readLmdbJournal(path)
  const times: number[] = []
  try {
    for (let scan = 0; scan < scans; scan += 1) {
      const startedMs = performance.now()
      const found = new Set([journal.firstSeq])
      for await (const records of journal.scan(journal.firstSeq + 1))
        for (const { seq, dependsOn } of records)
          if (dependsOn.some((each) => found.has(each))) found.add(seq)
      times.push(performance.now() - startedMs)
    }
  } finally {
    await journal.stop()
  }
  return median(times)
}
