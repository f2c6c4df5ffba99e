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
