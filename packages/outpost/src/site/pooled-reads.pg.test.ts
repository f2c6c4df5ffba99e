import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pgbouncer } from '@outpost/lab'
import { describeEachPostgresWithPgbouncer, useServer } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'

describeEachPostgresWithPgbouncer('merged reads', (pg) => {
  const server = useServer(pg)

  it('P6: a statement read again and again keeps answering, though each backend knows other names', async () => {
    const client = await server().connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE unit (id integer PRIMARY KEY, name text)')
    await client.end()
    // Fewer backends than connections: readers take turns on each.
    const config = { default_pool_size: 3 }
    const pooler = await Pgbouncer.start({ target: { host: server().host, port: server().port }, config })
    const folder = await mkdtemp(join(tmpdir(), 'outpost-pooled-'))
    const site = await openSite({
      name: 'main',
      type: 'main',
      main: { host: pooler.host, port: pooler.port, user: 'postgres', database: 'postgres' },
      journalPath: folder,
      secretKey: 'a secret of some length',
    })
    try {
      const write = site.transaction()
      write.insertMany('unit', [
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ])
      await site.append(write)
      const read = () => site.read('SELECT name FROM unit WHERE id >= $1 ORDER BY name', [1])
      for (let round = 0; round < 20; round++) {
        const answers = await Promise.all(Array.from({ length: 10 }, read))
        for (const { rows } of answers) expect(rows).toEqual([{ name: 'a' }, { name: 'b' }])
      }
    } finally {
      await site.stop()
      await pooler.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
