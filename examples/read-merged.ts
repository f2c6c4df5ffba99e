import { openSite } from 'outpost/site'
import type { Place } from './place.ts'

/** Reads what is not on main yet: any SELECT sees the pending rows, in joins, aggregates and sorted pages. */
export async function run({ siteOptions, link }: Place) {
  const site = await openSite(siteOptions('read-merged'))
  try {
    link.cut()
    const write = site.transaction()
    const crab = write.insert('observation', { target: 'Crab', started_at: '2026-03-01T00:00:00Z' })
    write.insertMany('data_file', [
      { observation_id: crab, name: 'crab-1.fits', size_bytes: 100 },
      { observation_id: crab, name: 'crab-2.fits', size_bytes: 250 },
    ])
    write.insert('observation', { target: 'Crab', started_at: '2026-02-01T00:00:00Z' })
    await site.append(write)

    const newest = `SELECT target, started_at FROM observation WHERE target = $1 ORDER BY started_at DESC LIMIT 1`
    const page = await site.read<{ started_at: Date }>(newest, ['Crab'])

    const joined = await site.read<{ files: number; bytes: string }>(
      `SELECT count(*)::int AS files, sum(f.size_bytes) AS bytes
       FROM observation o JOIN data_file f ON f.observation_id = o.id WHERE o.target = $1`,
      ['Crab'],
    )

    // By primary key the pending row answers alone, even with every database away.
    const row = await site.readRow('observation', { id: crab.get('id') })

    return {
      newest: page.rows[0]?.started_at.toISOString(),
      servedBy: page.servedBy,
      files: joined.rows[0]?.files,
      bytes: joined.rows[0]?.bytes,
      rowState: row?.state,
    }
  } finally {
    link.restore()
    await site.stop()
  }
}
