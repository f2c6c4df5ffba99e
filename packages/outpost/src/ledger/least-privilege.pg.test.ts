import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestMain, openTestSite, type TestMain, unit } from '../applier/real-site.spec-suite.ts'
import { setConflictPolicy } from './conflict-policies.ts'
import { grantSite, revokeSite } from './grant-site.ts'

/** Every table that tells of a site, as one text. */
const everythingSql = `
  SELECT (SELECT json_agg(x ORDER BY x::text) FROM outpost.site x)::text AS site,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.epoch x)::text AS epoch,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.ledger x)::text AS ledger,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.decided x)::text AS decided,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.heartbeat x)::text AS heartbeat,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.idempotency x)::text AS idempotency,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.lineage x)::text AS lineage,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.row_stamp x)::text AS stamps,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.conflict x)::text AS conflicts,
         (SELECT json_agg(x ORDER BY x::text) FROM outpost.conflict_policy x)::text AS policies,
         (SELECT json_agg(x ORDER BY x::text) FROM unit x)::text AS unit`

describeEachPostgres('the role of a site', (version) => {
  const server = useServer(version)
  let main: TestMain
  let observatory: string
  let institute: string
  let clients: pg.Client[]

  beforeEach(async () => {
    clients = []
    main = await openTestMain(server())
    const suffix = randomUUID().slice(0, 8)
    observatory = `observatory_${suffix}`
    institute = `institute_${suffix}`
    for (const [site, role] of [
      ['observatory', observatory],
      ['institute', institute],
    ] as const) {
      await main.query(`CREATE ROLE ${role} LOGIN`)
      await grantSite(main.client, { role, site, tables: ['public.unit', 'public.file'] })
    }
  })
  afterEach(async () => {
    for (const client of clients) await client.end()
    const database = main.database
    await main.query(`DROP OWNED BY ${observatory}; DROP OWNED BY ${institute}`)
    await main.close()
    await server().query(`DROP ROLE ${observatory}`)
    await server().query(`DROP ROLE ${institute}`)
    expect(database).not.toBe('')
  })

  const configOf = (role: string) => ({
    host: server().host,
    port: server().port,
    user: role,
    database: main.database,
  })
  const connect = async (role: string) => {
    const client = new pg.Client(configOf(role))
    await client.connect()
    clients.push(client)
    return client
  }
  /** The institute has an applied, a rejected and a decided transaction, a beat and a stored answer. */
  const livingInstitute = async () => {
    const site = await openTestSite({ config: configOf(institute), catalog: main.catalog, site: 'institute' })
    const first = await site.append([unit(randomUUID(), 'secret target')])
    const second = await site.append([unit(randomUUID(), 'secret target')])
    await site.until('applied', first)
    await site.until('rejected', second)
    const { epoch } = site.journal
    await site.stop()
    const [rejected] = await main.query(
      `SELECT transaction_id FROM outpost.ledger WHERE outcome = 'rejected'`,
    )
    const [applied] = await main.query(`SELECT transaction_id FROM outpost.ledger WHERE outcome = 'applied'`)
    await main.query(`INSERT INTO outpost.decided VALUES ('institute', $1, $2)`, [
      rejected!.transaction_id,
      applied!.transaction_id,
    ])
    await main.query(
      `INSERT INTO outpost.idempotency (site, scope, key, request_digest, status) VALUES ('institute', 's', 'k', 'd', 201)`,
    )
    return {
      epoch,
      term: Number((await main.query(`SELECT term FROM outpost.site WHERE name = 'institute'`))[0]!.term),
    }
  }

  it('reads of other sites no more than their names, epochs and beats', async () => {
    const { epoch } = await livingInstitute()
    const client = await connect(observatory)
    const rows = async (table: string) => (await client.query(`SELECT FROM outpost.${table}`)).rowCount
    for (const table of ['ledger', 'decided', 'idempotency'])
      expect([table, await rows(table)]).toEqual([table, 0])
    expect([await rows('site'), await rows('epoch'), await rows('heartbeat')]).toEqual([2, 1, 1])
    // That a transaction is there, which a token asks for, and nothing of it.
    const covers = (seq: number) =>
      client.query('SELECT outpost.covers(NULL, $1, $2, $3) AS is_there', ['institute', epoch, seq])
    expect((await covers(1)).rows).toEqual([{ is_there: true }])
    await expect(covers(99)).rejects.toMatchObject({ code: 'OP002' })
    expect(
      (await client.query(`SELECT outpost.has_row('institute', '${epoch}', 1) AS is_there`)).rows,
    ).toEqual([{ is_there: true }])
  })

  it('N24: reads of a conflict where it had a part in it, and no stamp of a row', async () => {
    await setConflictPolicy(main.client, 'public.unit', 'compare_and_set')
    const roles = [observatory, institute]
    const change = async (site: string, role: string, id: string, seen: string, state: string) => {
      const opened = await openTestSite({ config: configOf(role), catalog: main.catalog, site })
      const operation = { kind: 'update', table: 'public.unit', key: { id }, seen: { status: seen } } as const
      await opened.until(state, await opened.append([{ ...operation, set: { status: site } }]))
      await opened.stop()
    }
    const [shared, own] = [randomUUID(), randomUUID()]
    await main.query(`INSERT INTO unit (id, name) SELECT x, x::text FROM unnest($1::uuid[]) x`, [
      [shared, own],
    ])
    await change('observatory', observatory, shared, 'running', 'applied')
    await change('institute', institute, shared, 'running', 'rejected')
    // By nobody who journals.
    await main.query(`UPDATE unit SET status = 'paused' WHERE id = $1`, [own])
    await change('institute', institute, own, 'running', 'rejected')
    const seen = await Promise.all(
      roles.map(async (role) => (await (await connect(role)).query('SELECT key FROM outpost.conflict')).rows),
    )
    expect(seen.map((rows) => rows.map(({ key }) => key.id))).toEqual([[shared], [shared, own]])
    expect((await (await connect(institute)).query('SELECT FROM outpost.row_stamp')).rowCount).toBe(0)
  })

  it('changes nothing of another site, by no statement and through no function', async () => {
    const { epoch, term } = await livingInstitute()
    const [lineage] = await main.query('SELECT id FROM outpost.lineage')
    await main.query('CREATE TABLE numbered (id serial PRIMARY KEY)')
    const client = await connect(observatory)
    const before = await main.query(everythingSql)
    const row = `1000, now(), now(), '${epoch}', gen_random_uuid(), '${String(lineage!.id)}', 'institute', 'applied', ''`
    const attacks = [
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest) VALUES (${row})`,
      `UPDATE outpost.ledger SET outcome = 'applied'`,
      `DELETE FROM outpost.ledger`,
      `DELETE FROM outpost.ledger WHERE site = 'institute'`,
      `INSERT INTO outpost.epoch (site, epoch) VALUES ('institute', gen_random_uuid())`,
      `UPDATE outpost.epoch SET ended_at = now()`,
      `UPDATE outpost.epoch SET dropped_through = 100 WHERE site = 'institute'`,
      `DELETE FROM outpost.epoch`,
      `INSERT INTO outpost.heartbeat VALUES ('institute', now()) ON CONFLICT (site) DO UPDATE SET at = now()`,
      `UPDATE outpost.heartbeat SET at = 'epoch' WHERE site = 'institute'`,
      `DELETE FROM outpost.heartbeat`,
      `INSERT INTO outpost.decided SELECT 'institute', gen_random_uuid(), gen_random_uuid()`,
      `DELETE FROM outpost.decided`,
      `INSERT INTO outpost.idempotency (site, scope, key, request_digest, status) VALUES ('institute', 's', 'new', 'd', 201)`,
      `DELETE FROM outpost.idempotency`,
      `UPDATE outpost.site SET term = term + 1 WHERE name = 'institute'`,
      `UPDATE outpost.site SET role_name = current_user WHERE name = 'institute'`,
      `UPDATE outpost.site SET name = 'x'`,
      `INSERT INTO outpost.site (name) VALUES ('third')`,
      `DELETE FROM outpost.site`,
      `SELECT FROM outpost.site WHERE name = 'institute' FOR UPDATE`,
      `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, lsn) VALUES (99, 'x', 1, '0/0')`,
      `UPDATE outpost.lineage SET attempts_released = true`,
      `INSERT INTO outpost.migration VALUES ('x', 1, 'x', 'x')`,
      `TRUNCATE outpost.ledger, outpost.decided`,
      `SELECT outpost.hello('institute', gen_random_uuid())`,
      `SELECT outpost.hello('third', gen_random_uuid())`,
      `SELECT outpost.beat('institute', NULL, NULL, NULL)`,
      `SELECT outpost.prune('institute', '${epoch}', ${term}, '[{"epoch": "${epoch}", "through": 100}]')`,
      `SELECT outpost.note_decision('institute', gen_random_uuid(), '{"on": ["${randomUUID()}"]}')`,
      `SELECT outpost.apply_one('institute', '${epoch}', 0, '${String(lineage!.id)}', '[]', '{}', '{}', '[]', '[1000, "${randomUUID()}", "", 0, [], true, []]', true, false, NULL)`,
      `SELECT outpost.apply_group('institute', '${epoch}', 0, '${String(lineage!.id)}', '[]', '{}', '{}', '{"x": [[1000, "${randomUUID()}", "", 0]], "r": []}', NULL)`,
      `SELECT outpost.forget_answers()`,
      `SELECT outpost.plan_keys('institute', 'public.numbered', 10)`,
      `SELECT outpost.reserve_keys('institute', 'public.numbered', '${String(lineage!.id)}')`,
      `SELECT outpost.keep_keys('institute', 'public.numbered', '${String(lineage!.id)}', '[]')`,
      `SELECT outpost.store_keys('institute', 'public.numbered', 1, '{1}')`,
      `INSERT INTO outpost.key_plan VALUES ('institute', 'public.numbered', 'id', 10)`,
      `SELECT outpost.stamp_row('institute', gen_random_uuid(), 'public.unit', '{"id": 1}', '{name}', 1, false)`,
      `SELECT outpost.stamp_row('observatory', gen_random_uuid(), 'public.numbered', '{"id": 1}', '{id}', 1, false)`,
      `SELECT outpost.note_conflict('institute', gen_random_uuid(), '{"table": "public.unit"}', false)`,
      `SELECT outpost.note_conflict('observatory', gen_random_uuid(), '{"table": "public.numbered"}', false)`,
      `INSERT INTO outpost.row_stamp VALUES ('public.unit', '{}', '{}', 1)`,
      `UPDATE outpost.row_stamp SET clock = 0`,
      `SELECT outpost.set_conflict_policy('public.unit', 'append_only')`,
      `DELETE FROM outpost.conflict_policy`,
      `DELETE FROM outpost.conflict`,
      `ALTER TABLE outpost.ledger DISABLE ROW LEVEL SECURITY`,
      `CREATE POLICY mine ON outpost.ledger USING (true)`,
      `ALTER FUNCTION outpost.has_row OWNER TO ${observatory}`,
      `SET ROLE ${institute}`,
      `GRANT ${institute} TO ${observatory}`,
      `SET row_security = off; SELECT FROM outpost.ledger`,
      `CREATE TABLE outpost.mine ()`,
      `CREATE TABLE public.mine ()`,
      `CREATE SCHEMA "${institute}"`,
      `COPY (SELECT 1) TO PROGRAM 'true'`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()`,
    ]
    const outcomes: Record<string, unknown> = {}
    for (const attack of attacks) {
      outcomes[attack] = await client.query(attack).then(
        (result) => (Array.isArray(result) ? 'several' : result.rowCount),
        (error: pg.DatabaseError) => error.code,
      )
      await client.query('RESET ALL')
    }
    expect(await main.query(everythingSql)).toEqual(before)
    // What is no error matched no row, or answered that it was not for this role.
    const harmless = Object.entries(outcomes).filter(([, outcome]) => outcome !== '42501' && outcome !== 0)
    expect(Object.fromEntries(harmless)).toEqual({
      [attacks.find((attack) => attack.includes('outpost.prune'))!]: 1,
      [attacks.find((attack) => attack.includes('apply_group'))!]: 1,
      [attacks.find((attack) => attack.includes('forget_answers'))!]: 1,
    })
  })

  it("applies nothing under another site's name, and ends none of its sessions", async () => {
    const { epoch, term } = await livingInstitute()
    const [lineage] = await main.query('SELECT id FROM outpost.lineage')
    const before = await main.query(everythingSql)
    const client = await connect(observatory)
    const payload = JSON.stringify({
      epochs: [epoch],
      shapes: [{ kind: 'insert', table: 'public.unit', key: [], columns: ['id', 'name'] }],
      groups: [
        {
          e: 0,
          d: [],
          s: true,
          x: [[1_000, randomUUID(), 'aa', 0, [], true, [0, 0]]],
          r: [[0, [[randomUUID(), 'forged']]]],
        },
      ],
      isRedriven: false,
      streaks: [],
    })
    const { rows } = await client.query('CALL outpost.apply($1, $2, $3, NULL, NULL, $4, $5, NULL)', [
      'institute',
      epoch,
      term,
      lineage!.id,
      payload,
    ])
    expect(rows[0]).toMatchObject({ p_result: { kind: 'fenced' } })
    expect(await main.query(everythingSql)).toEqual(before)

    // A CALL of the institute under way holds the lock by which sessions are found.
    const busy = await connect(institute)
    await busy.query('BEGIN')
    await busy.query(`SELECT outpost.fence('institute', $1, $2)`, [epoch, term])
    expect((await client.query(`SELECT outpost.end_backends('institute')`)).rows).toEqual([
      { end_backends: 0 },
    ])
    await busy.query('COMMIT')
  })

  it('gains nothing by temporary objects, a search_path or operators of its own', async () => {
    await livingInstitute()
    const client = await connect(observatory)
    const before = await main.query(everythingSql)
    await client.query(`
      CREATE TEMP TABLE lineage (id uuid, system_identifier text, timeline integer, ordinal bigint);
      CREATE TEMP TABLE site (name text, role_name name);
      INSERT INTO site VALUES ('institute', current_user);
      CREATE FUNCTION pg_temp.always(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
      CREATE OPERATOR pg_temp.= (FUNCTION = pg_temp.always, LEFTARG = name, RIGHTARG = name);
      CREATE FUNCTION pg_temp.hashtext(text) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''%'', current_user USING ERRCODE = ''ZZ001''; END';
      CREATE FUNCTION pg_temp.coalesce_all(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
      SET search_path = pg_temp, pg_catalog, outpost`)
    for (const statement of [
      'SELECT FROM outpost.ledger',
      `DELETE FROM outpost.ledger`,
      'SELECT FROM outpost.idempotency',
    ]) {
      expect((await client.query(statement)).rowCount).toBe(0)
    }
    // Those that run with the rights of the owner look at nothing of the session's.
    await main.query('UPDATE outpost.lineage SET timeline = 99')
    await client.query('SELECT outpost.ensure_lineage(), outpost.server_identity()')
    await client.query(
      `SELECT outpost.covers(NULL, NULL, NULL, NULL), outpost.has_row('institute', gen_random_uuid(), 1)`,
    )
    await client.query(`SELECT * FROM outpost.standby_positions('{x}')`)
    await client.query('SELECT outpost.release_attempts()')
    await main.query(
      `DELETE FROM outpost.lineage WHERE timeline <> 99; UPDATE outpost.lineage SET timeline = 1`,
    )
    expect(await main.query(everythingSql)).toEqual(before)
  })

  it('runs with the rights of the owner only what is bound to a search_path and makes no statement of its arguments', async () => {
    const rows = await main.query(`
      SELECT proname AS name, proconfig AS config FROM pg_proc
      WHERE pronamespace = 'outpost'::regnamespace AND prosecdef ORDER BY 1`)
    expect(rows.map(({ name }) => name)).toEqual([
      'covers',
      'ensure_lineage',
      'forget_conflicts',
      'has_row',
      'keep_keys',
      'newest_clock',
      'note_conflict',
      'release_attempts',
      'reserve_keys',
      'server_identity',
      'stamp_row',
      'stamps_of',
      'standby_positions',
    ])
    for (const { config } of rows) expect(config).toEqual(['search_path=pg_catalog, pg_temp'])
    const bodies = await main.query(
      `SELECT proname FROM pg_proc WHERE pronamespace = 'outpost'::regnamespace AND prosecdef AND prosrc ~* '\\mexecute\\M'`,
    )
    expect(bodies).toEqual([])
  })

  describe('is given', () => {
    const rights = async (role: string) =>
      await main.query(
        `SELECT table_schema || '.' || table_name AS name, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights
         FROM information_schema.role_table_grants WHERE grantee = $1 GROUP BY 1 ORDER BY 1`,
        [role],
      )

    it('the same the second time, and less where it had more', async () => {
      const before = await rights(observatory)
      await main.query(`GRANT ALL ON outpost.lineage, outpost.ledger TO ${observatory}`)
      const grant = { role: observatory, site: 'observatory', tables: ['public.unit', 'public.file'] }
      const planned = await grantSite(main.client, grant, { isDryRun: true })
      expect(await rights(observatory)).not.toEqual(before)
      expect(await grantSite(main.client, grant)).toEqual(planned)
      expect(await rights(observatory)).toEqual(before)
    })

    it('some columns of a table, and what is taken again is gone', async () => {
      const columns = ['id', 'name']
      await grantSite(main.client, {
        role: observatory,
        site: 'observatory',
        tables: [{ table: 'public.unit', columns }],
        reads: ['public.watched'],
      })
      const client = await connect(observatory)
      await client.query(`INSERT INTO unit (id, name) VALUES (gen_random_uuid(), 'a')`)
      await client.query('SELECT FROM watched')
      for (const refused of [
        `UPDATE unit SET status = 'x'`,
        'DELETE FROM unit',
        `INSERT INTO watched VALUES (1, 1)`,
      ]) {
        await expect(client.query(refused)).rejects.toMatchObject({ code: '42501' })
      }
      await revokeSite(main.client, { site: 'observatory', tables: ['public.unit'] })
      await expect(client.query('SELECT FROM unit')).rejects.toMatchObject({ code: '42501' })
      await client.query('SELECT FROM file')
      await revokeSite(main.client, { site: 'observatory' })
      expect(await rights(observatory)).toEqual([])
      await expect(client.query('SELECT FROM outpost.site')).rejects.toMatchObject({ code: '42501' })
    })

    it.each([
      ['a table that there is not', { tables: ['public.nowhere'] }, 'unknown_table'],
      [
        'a column that there is not',
        { tables: [{ table: 'public.unit', columns: ['colour'] }] },
        'unknown_column',
      ],
    ])('nothing at all with %s', async (_name, grant, code) => {
      const before = await rights(observatory)
      await expect(
        grantSite(main.client, { role: observatory, site: 'observatory', ...grant }),
      ).rejects.toMatchObject({ code })
      expect(await rights(observatory)).toEqual(before)
    })

    it('nothing when it is the role of another site, or may become it, or make something in a schema', async () => {
      const site = 'third'
      await expect(grantSite(main.client, { role: institute, site, tables: [] })).rejects.toMatchObject({
        code: 'role_unsafe',
        message: expect.stringContaining('is the role of the site institute'),
      })
      for (const [give, take, reason] of [
        [
          `GRANT ${institute} TO ${observatory}`,
          `REVOKE ${institute} FROM ${observatory}`,
          'or may become it',
        ],
        [
          `GRANT CREATE ON SCHEMA public TO ${observatory}`,
          `REVOKE CREATE ON SCHEMA public FROM ${observatory}`,
          'in schema public',
        ],
        [
          `GRANT CREATE ON DATABASE ${main.database} TO ${observatory}`,
          `REVOKE CREATE ON DATABASE ${main.database} FROM ${observatory}`,
          'in database',
        ],
        [
          `GRANT pg_write_all_data TO ${observatory}`,
          `REVOKE pg_write_all_data FROM ${observatory}`,
          'member of pg_write_all_data',
        ],
        [`ALTER ROLE ${observatory} REPLICATION`, `ALTER ROLE ${observatory} NOREPLICATION`, 'REPLICATION'],
        [
          `ALTER FUNCTION watch() OWNER TO ${observatory}`,
          `ALTER FUNCTION watch() OWNER TO postgres`,
          'owns function',
        ],
      ] as const) {
        await main.query(give)
        await expect(
          grantSite(main.client, { role: observatory, site: 'observatory', tables: [] }),
        ).rejects.toMatchObject({ code: 'role_unsafe', message: expect.stringContaining(reason) })
        await main.query(take)
      }
      await grantSite(main.client, { role: observatory, site: 'observatory', tables: [] })
    })
  })
})
