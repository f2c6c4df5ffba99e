import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { file, finish, type TestSite, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('what main refuses a single transaction for a reason that may pass', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)

  const recordAround = async (site: TestSite, name: string) => {
    const id = randomUUID()
    const parent = await site.append([unit(id)])
    const refused = await site.append([file(id, name)], [parent])
    const behind = await site.append([finish(id)], [refused])
    const others: number[] = []
    for (let i = 0; i < 20; i++) others.push(await site.append([file(id)], [parent]))
    return { refused, behind, others: [parent, ...others] }
  }
  const parked = (site: TestSite, ...seqs: readonly number[]) => seqs.map((seq) => site.journal.status(seq))
  const ledgerRows = async () =>
    Number((await stage.main.query('SELECT count(*) FROM outpost.ledger'))[0]!.count)

  // As a trigger raises them that asks a foreign server, or that guards rows.
  it.each(['08001', '28P01', '3D000', '3F000', '57P01', '25006', '42501'])(
    'P5, N11: %s out of its own statements parks its cone as stuck; the others go on',
    async (sqlstate) => {
      await stage.main.query(`
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN IF NEW.name = 'cursed' THEN RAISE EXCEPTION 'not now' USING ERRCODE = '${sqlstate}'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON file FOR EACH ROW EXECUTE FUNCTION fail()`)
      const site = await stage.open({ isStarted: false, stuckRetryMs: 200 })
      const { refused, behind, others } = await recordAround(site, 'cursed')
      site.applier.start()
      await site.until('applied', ...others)
      await site.until('parked', refused, behind)
      expect(parked(site, refused, behind)).toMatchObject([
        { parkedBy: 'stuck', sqlstate, message: 'not now' },
        { parkedBy: [refused] },
      ])
      expect(await ledgerRows()).toBe(others.length)
      expect(site.alarms.map(({ code }) => code)).toEqual(['stuck'])
      await stage.main.query('DROP TRIGGER fail ON file')
      await site.until('applied', refused, behind)
      expect(site.applier.stuck).toEqual([])
    },
  )

  it('P5, N11: a row that somebody on main holds locked delays its cone, and the others by one wait', async () => {
    await stage.main.query(`ALTER DATABASE "${stage.main.database}" SET lock_timeout = '400ms'`)
    const site = await stage.open({ isStarted: false, stuckRetryMs: 200 })
    const held = randomUUID()
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'held')`, [held])
    const holder = await server().connect(stage.main.database)
    await holder.query('BEGIN')
    await holder.query('SELECT FROM unit WHERE id = $1 FOR UPDATE', [held])
    const waits = await site.append([finish(held)])
    const behind = await site.append([file(held)], [waits])
    const others: number[] = []
    for (let i = 0; i < 300; i++) others.push(await site.append([unit(randomUUID())]))
    const startedMs = performance.now()
    site.applier.start()
    await site.until('applied', ...others)
    expect(performance.now() - startedMs, 'one wait in its group').toBeLessThan(8_000)
    await site.until('parked', waits, behind)
    expect(parked(site, waits)).toMatchObject([{ parkedBy: 'stuck', sqlstate: '55P03' }])
    expect(site.alarms.map(({ code }) => code)).toEqual(['stuck'])
    await holder.query('ROLLBACK')
    await holder.end()
    await site.until('applied', waits, behind)
  })

  it('P5, N12: one wait for a lock, as long as it is by default, is answered within the deadline of the CALL', async () => {
    const site = await stage.open({ isStarted: false })
    const held = randomUUID()
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'held')`, [held])
    const holder = await server().connect(stage.main.database)
    await holder.query('BEGIN')
    await holder.query('SELECT FROM unit WHERE id = $1 FOR UPDATE', [held])
    const waits = await site.append([finish(held)])
    const others: number[] = []
    for (let i = 0; i < 20; i++) others.push(await site.append([unit(randomUUID())]))
    site.applier.start()
    await site.until('applied', ...others)
    await site.until('parked', waits)
    // Each connection greets main, which counts its terms.
    expect(await stage.main.query('SELECT term::integer AS term FROM outpost.site')).toEqual([{ term: 1 }])
    await holder.query('ROLLBACK')
    await holder.end()
  })

  it('P5, N11: a table that is locked whole stops each CALL after a few, and what is not in it goes on', async () => {
    await stage.main.query(`ALTER DATABASE "${stage.main.database}" SET lock_timeout = '400ms'`)
    const site = await stage.open({ isStarted: false, stuckRetryMs: 60_000 })
    const holder = await server().connect(stage.main.database)
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE deferred')
    const inTable: number[] = []
    const others: number[] = []
    for (let i = 0; i < 45; i++) {
      const row = { id: `${i}`, next: null }
      inTable.push(await site.append([{ kind: 'insert', table: 'public.deferred', row }]))
      others.push(await site.append([unit(randomUUID())]))
    }
    site.applier.start()
    await site.until('applied', ...others)
    await holder.query('ROLLBACK')
    await holder.end()
    expect(await stage.count('outpost.ledger')).toBe(others.length)
    expect(inTable.every((seq) => site.journal.status(seq).sqlstate === '55P03')).toBe(true)
  })

  it('P5, N11: a row that a policy refuses, or a table without a grant, holds back nothing else, and heals', async () => {
    const role = `partial_${randomUUID().slice(0, 8)}`
    const { main } = stage
    const grant = (tables: readonly string[]) => grantSite(main.client, { role, site: 'observatory', tables })
    await main.query(`CREATE ROLE "${role}" LOGIN`)
    await grant(['public.unit', 'public.file'])
    await main.query(`
      ALTER TABLE file ENABLE ROW LEVEL SECURITY;
      CREATE POLICY seen ON file FOR SELECT USING (true);
      CREATE POLICY own ON file FOR INSERT WITH CHECK (name <> 'foreign')`)
    const site = await stage.open({
      config: { host: server().host, port: server().port, user: role, database: main.database },
      stuckRetryMs: 200,
    })
    const { refused, behind, others } = await recordAround(site, 'foreign')
    const denied = await site.append([
      { kind: 'insert', table: 'public.watched', row: { id: '1', count: '1' } },
    ])
    await site.until('applied', ...others)
    await site.until('parked', refused, behind, denied)
    expect(parked(site, refused, denied)).toMatchObject([{ sqlstate: '42501' }, { sqlstate: '42501' }])
    expect(site.alarms.map(({ code, hint }) => [code, hint.includes('site grant')])).toContainEqual([
      'stuck',
      true,
    ])
    await main.query('ALTER TABLE file DISABLE ROW LEVEL SECURITY')
    await grant(['public.watched'])
    await site.until('applied', refused, behind, denied)
    await site.stop()
    await main.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
  })

  it('N11: a role that may not write the ledger stops the applier, alarms, parks nothing, and heals', async () => {
    const role = `grantless_${randomUUID().slice(0, 8)}`
    const { main } = stage
    await main.query(`CREATE ROLE "${role}" LOGIN`)
    await grantSite(main.client, { role, site: 'observatory', tables: ['public.unit', 'public.file'] })
    await main.query(`REVOKE INSERT ON outpost.ledger FROM "${role}"`)
    const site = await stage.open({
      config: { host: server().host, port: server().port, user: role, database: main.database },
      configurationRetryMs: 100,
    })
    const seq = await site.append([unit(randomUUID())])
    await waitFor(() => site.alarms.some(({ code }) => code === 'configuration'), { what: 'the alarm' })
    expect(site.journal.status(seq).state).toBe('buffered')
    await main.query(`GRANT INSERT ON outpost.ledger TO "${role}"`)
    await site.until('applied', seq)
    await site.stop()
    await main.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
  })
})
