import { describeEachPostgres, freshDatabase, useCluster } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { grantSite } from './grant-site.ts'
import { migrate } from './migrate.ts'
import { outpostMigrations } from './migration.ts'

describeEachPostgres('migrate', (version) => {
  const cluster = useCluster(version)
  let url: string
  let name: string
  let drop: () => Promise<void>
  const clients: pg.Client[] = []
  const connect = async (connectionString = url): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
    return client
  }

  beforeEach(async () => {
    ;({ url, name, drop } = await freshDatabase(cluster().primary))
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end()
    await drop()
  })

  it('installs once, says so on a dry run before, and finds everything present after', async () => {
    const client = await connect()
    const planned = await migrate(client, [outpostMigrations], { isDryRun: true })
    expect(planned.installed).toHaveLength(outpostMigrations.migrations.length)
    expect((await client.query(`SELECT to_regnamespace('outpost') AS schema`)).rows).toEqual([
      { schema: null },
    ])
    expect((await migrate(client, [outpostMigrations])).installed).toEqual(planned.installed)
    expect(await migrate(client, [outpostMigrations])).toEqual({ installed: [], present: planned.installed })
  })

  it('lets two run at once and installs each migration once', async () => {
    const [one, two] = [await connect(), await connect()]
    const results = await Promise.all([migrate(one, [outpostMigrations]), migrate(two, [outpostMigrations])])
    expect(results.map(({ installed }) => installed.length).sort()).toEqual([
      0,
      outpostMigrations.migrations.length,
    ])
  })

  it.each(['LATIN1', 'SQL_ASCII'])(
    'P5: refuses a database in %s, which cannot hold what a site may take',
    async (encoding) => {
      const { primary } = cluster()
      const database = `in_${encoding.toLowerCase()}`
      await primary.query(
        `CREATE DATABASE ${database} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
      )
      const client = await primary.connect(database)
      await expect(migrate(client, [outpostMigrations])).rejects.toMatchObject({
        code: 'encoding_refused',
        details: { encoding },
      })
      expect((await client.query(`SELECT to_regnamespace('outpost') AS schema`)).rows).toEqual([
        { schema: null },
      ])
      await client.end()
      await primary.query(`DROP DATABASE ${database}`)
    },
  )

  it('refuses a changed migration, a newer database and a replica, changing nothing', async () => {
    const client = await connect()
    const first = {
      namespace: 'app',
      migrations: [{ number: 1, name: 'a', sql: 'CREATE TABLE a (id integer)' }],
    }
    const both = {
      ...first,
      migrations: [...first.migrations, { number: 2, name: 'b', sql: 'CREATE TABLE b (id integer)' }],
    }
    await migrate(client, [outpostMigrations, both])
    const changed = {
      ...both,
      migrations: [{ ...first.migrations[0]!, sql: 'CREATE TABLE a (id bigint)' }, both.migrations[1]!],
    }
    await expect(migrate(client, [changed])).rejects.toMatchObject({ code: 'migration_changed' })
    await expect(migrate(client, [first])).rejects.toMatchObject({ code: 'migration_changed' })
    const replica = await connect(cluster().standby.connectionString())
    await expect(migrate(replica, [outpostMigrations])).rejects.toMatchObject({
      code: 'migration_on_replica',
    })
  })

  it('leaves nothing of a migration that fails', async () => {
    const client = await connect()
    const broken = {
      namespace: 'app',
      migrations: [{ number: 1, name: 'a', sql: 'CREATE TABLE half (id integer); SELECT 1 / 0' }],
    }
    await expect(migrate(client, [broken])).rejects.toMatchObject({ code: '22012' })
    expect((await client.query(`SELECT to_regclass('half') AS half`)).rows).toEqual([{ half: null }])
  })

  it('N1, N8, N14, N15: gives a site role its own rows and nothing else, and time-outs', async () => {
    const owner = await connect()
    const suffix = Math.random().toString(36).slice(2, 8)
    const [role, other] = [`site_a_${suffix}`, `site_b_${suffix}`]
    await migrate(owner, [outpostMigrations])
    await owner.query(
      `CREATE ROLE ${role} LOGIN; CREATE ROLE ${other} LOGIN; CREATE TABLE t (id integer PRIMARY KEY); CREATE TABLE secret (id integer)`,
    )
    await grantSite(owner, { role, site: 'a', tables: ['public.t'] })
    await grantSite(owner, { role: other, site: 'b', tables: [] })
    const site = await connect(cluster().primary.connectionString(name, role))
    const epoch = '00000000-0000-4000-8000-000000000001'
    const hello = (await site.query('SELECT outpost.hello($1, $2) AS answer', ['a', epoch])).rows[0].answer
    expect(hello).toMatchObject({ kind: 'welcome', term: 1 })
    const payload = JSON.stringify({
      epochs: [epoch],
      shapes: [{ kind: 'insert', table: 'public.t', key: [], columns: ['id'] }],
      groups: [{ e: 0, d: [], x: [[1, epoch, '00', 0, [], true, [0, 0]]], r: [[0, [['1']]]] }],
    })
    const call = 'CALL outpost.apply($1, $2, $3, NULL, NULL, $4, $5, NULL)'
    const answer = (await site.query(call, ['a', epoch, hello.term, hello.lineage, payload])).rows[0].p_result
    expect(answer).toMatchObject({ kind: 'done', outcomes: [{ g: 0, o: 'applied' }] })
    const refused = (sql: string, values: unknown[] = []) =>
      expect(site.query(sql, values)).rejects.toMatchObject({ code: '42501' })
    await refused('SELECT outpost.hello($1, $2)', ['b', epoch])
    await refused('SELECT outpost.hello($1, $2)', ['c', epoch])
    await refused(`INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
      SELECT 2, now(), now(), epoch, gen_random_uuid(), lineage, 'b', 'applied', digest FROM outpost.ledger`)
    await refused(`UPDATE outpost.ledger SET outcome = 'rejected'`)
    await refused('SELECT * FROM secret')
    await refused(
      `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, lsn) VALUES (9, '1', 9, '0/0')`,
    )
    // An operator ends the pause of attempts through any site, whose role may write nothing else of a lineage.
    await site.query('SELECT outpost.release_attempts()')
    await refused('UPDATE outpost.lineage SET attempts_released = false')
    expect((await site.query('DELETE FROM outpost.ledger')).rowCount).toBe(0)
    expect((await site.query(`UPDATE outpost.site SET term = 99 WHERE name = 'b'`)).rowCount).toBe(0)
    expect(
      (
        await site.query('SELECT outpost.prune($1, $2, $3, $4) AS done', [
          'a',
          epoch,
          hello.term,
          JSON.stringify([{ epoch, through: 1 }]),
        ])
      ).rows,
    ).toEqual([{ done: true }])
    expect((await owner.query('SELECT count(*) FROM outpost.ledger')).rows).toEqual([{ count: '0' }])
    expect(
      (await site.query(`SELECT outpost.covers($1, 'a', $2, 1) AS ok`, [hello.lineage, epoch])).rows,
    ).toEqual([{ ok: true }])
    await expect(
      site.query(`SELECT outpost.covers($1, 'a', $2, 2)`, [hello.lineage, epoch]),
    ).rejects.toMatchObject({ code: 'OP002' })
    await expect(site.query(`SELECT outpost.covers($1, 'a', $2, 1)`, [epoch, epoch])).rejects.toMatchObject({
      code: 'OP001',
    })
    const [settings] = (await owner.query('SELECT rolconfig FROM pg_roles WHERE rolname = $1', [role])).rows
    expect(settings.rolconfig).toEqual([
      'lock_timeout=10s',
      'tcp_user_timeout=30s',
      'client_connection_check_interval=5s',
      'jit=off',
      'DateStyle=ISO, MDY',
      'IntervalStyle=postgres',
      'extra_float_digits=1',
      'default_transaction_isolation=read committed',
    ])
    await site.end()
    clients.splice(clients.indexOf(site), 1)
    await owner.query(`DROP OWNED BY ${role}, ${other}; DROP ROLE ${role}, ${other}`)
  })
})
