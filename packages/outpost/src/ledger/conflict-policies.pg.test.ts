import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { Client as pgClient } from 'pg'
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest'
import { openTestMain, openTestSite, type TestMain, type TestSite } from '../applier/real-site.spec-suite.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { conflictPolicies, type PolicyDeclaration, setConflictPolicy } from './conflict-policies.ts'

const secondsAhead = (seconds: number) => String((BigInt(Date.now()) + BigInt(seconds * 1000)) * 65_536n)

describeEachPostgres('conflict policies on main', (pg) => {
  const server = useServer(pg)
  let main: TestMain
  let observatory: TestSite
  let institute: TestSite
  let id: string

  beforeEach(async () => {
    main = await openTestMain(server())
    const open = (site: string) =>
      openTestSite({ config: main.config, catalog: main.catalog, site, retryAttempts: 1 })
    observatory = await open('observatory')
    institute = await open('institute')
    id = randomUUID()
    await main.query(`INSERT INTO unit (id, name, status, seeing) VALUES ($1, 'Orion', 'running', 0.7)`, [id])
  })
  afterEach(async () => {
    await observatory.stop()
    await institute.stop()
    await main.close()
  })

  const declare = (policy: PolicyDeclaration) => setConflictPolicy(main.client, 'public.unit', policy)
  const update = (set: TextRow, seen?: TextRow): Operation => ({
    kind: 'update',
    table: 'public.unit',
    key: { id },
    set,
    ...(seen && { seen }),
  })
  const remove = (seen?: TextRow): Operation => ({
    kind: 'delete',
    table: 'public.unit',
    key: { id },
    ...(seen && { seen }),
  })
  const write = async (site: TestSite, operation: Operation, stamp?: string, state = 'applied') => {
    const seq = await site.append([operation], [], stamp)
    await site.until(state, seq)
    return { seq, status: site.journal.status(seq), id: (await site.journal.getMany([seq]))[0]!.id }
  }
  const row = async () =>
    (await main.query('SELECT name, status, seeing::float FROM unit WHERE id = $1', [id]))[0]
  const conflicts = () =>
    main.query(
      `SELECT site, policy, other_sites, columns, base, mine, theirs, result, winner, lost, is_rejected FROM outpost.conflict ORDER BY id`,
    )

  it('are declared on main, for a table that is there, and changed and taken back', async () => {
    expect(await declare('compare_and_set')).toBe('public.unit')
    await setConflictPolicy(main.client, 'odd', { policy: 'last_writer', aheadMs: 5_000 })
    expect(await conflictPolicies(main.client)).toEqual([
      { table: 'public.odd', policy: 'last_writer', aheadMs: 5_000 },
      { table: 'public.unit', policy: 'compare_and_set', aheadMs: 60_000 },
    ])
    await setConflictPolicy(main.client, 'public.unit', undefined)
    expect(await conflictPolicies(main.client)).toHaveLength(1)
    for (const [table, policy] of [
      ['public.nothing', 'last_writer'],
      ['public.unit', { policy: 'last_writer', aheadMs: -1 }],
      ['public.unit', { function: 'public.nothing' }],
      ['public.unit', { function: 'x(' }],
    ] as const)
      await expect(setConflictPolicy(main.client, table, policy)).rejects.toMatchObject({
        code: 'conflicts_refused',
      })
  })

  it('merge by column without a word where none is declared: only what was supplied is set', async () => {
    await write(observatory, update({ status: 'completed' }))
    await write(institute, update({ seeing: '1.2' }, { seeing: '0.7', status: 'running' }))
    expect(await row()).toEqual({ name: 'Orion', status: 'completed', seeing: 1.2 })
    expect(await conflicts()).toEqual([])
  })

  it('N24: merge by column, and record an overwritten column, where column_merge is declared', async () => {
    await declare('column_merge')
    const first = await write(observatory, update({ status: 'completed' }, { status: 'running' }))
    await write(institute, update({ seeing: '1.2' }, { seeing: '0.7' }))
    expect(await conflicts()).toEqual([])
    await write(institute, update({ status: 'failed' }, { status: 'running' }))
    expect(await row()).toEqual({ name: 'Orion', status: 'failed', seeing: 1.2 })
    expect(await conflicts()).toEqual([
      {
        site: 'institute',
        policy: 'column_merge',
        other_sites: ['observatory'],
        columns: ['status'],
        base: { status: 'running' },
        mine: { status: 'failed' },
        theirs: { status: 'completed' },
        result: null,
        winner: 'mine',
        lost: [],
        is_rejected: false,
      },
    ])
    expect(await main.query('SELECT other_transactions FROM outpost.conflict')).toEqual([
      { other_transactions: [first.id] },
    ])
  })

  it('N24: compare and set: what was seen must still be so; else the change is a dead letter with all three', async () => {
    await declare('compare_and_set')
    await write(observatory, update({ status: 'completed' }, { status: 'running', seeing: '0.70' }))
    const refused = await write(
      institute,
      update({ status: 'failed' }, { status: 'running' }),
      undefined,
      'rejected',
    )
    expect(refused.status).toMatchObject({
      sqlstate: 'OP006',
      message: 'status of unit changed since it was seen',
      detail: 'saw {"status": "running"}; wanted {"status": "failed"}; main has {"status": "completed"}',
    })
    expect(await row()).toMatchObject({ status: 'completed' })
    expect(await conflicts()).toMatchObject([
      {
        site: 'institute',
        other_sites: ['observatory'],
        winner: 'theirs',
        lost: ['status'],
        is_rejected: true,
      },
    ])
    const blind = await write(institute, update({ status: 'failed' }), undefined, 'rejected')
    expect(blind.status).toMatchObject({
      sqlstate: 'OP006',
      message: expect.stringContaining('must say what its client saw'),
    })
    await write(institute, remove({ status: 'running' }), undefined, 'rejected')
    await write(observatory, remove({ status: 'completed' }))
    const late = await write(
      institute,
      update({ status: 'failed' }, { status: 'completed' }),
      undefined,
      'rejected',
    )
    expect(late.status).toMatchObject({
      sqlstate: 'OP006',
      message: expect.stringContaining('has been deleted'),
    })
  })

  it('N24: compare and set: another change that is under way is waited for, and then seen', async () => {
    await declare('compare_and_set')
    const other = new pgClient(main.config)
    await other.connect()
    await other.query(`BEGIN; UPDATE unit SET status = 'paused' WHERE id = '${id}'`)
    const seq = await observatory.append([update({ status: 'completed' }, { status: 'running' })])
    await waitFor(async () => (await main.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0, {
      what: 'the call waiting for the row',
    })
    await other.query('COMMIT')
    await other.end()
    await observatory.until('rejected', seq)
    expect(await row()).toMatchObject({ status: 'paused' })
  })

  it('N24: last writer: the later stamp stands for each column, whoever comes first, and a loser is told', async () => {
    await declare('last_writer')
    await write(observatory, update({ status: 'completed', seeing: '2' }), secondsAhead(-10))
    const lost = await write(institute, update({ status: 'failed', name: 'Late' }), secondsAhead(-20))
    expect(lost.status).toMatchObject({ state: 'applied', isOverruled: true })
    expect(await row()).toEqual({ name: 'Late', status: 'completed', seeing: 2 })
    expect(await conflicts()).toMatchObject([
      {
        site: 'institute',
        other_sites: ['observatory'],
        columns: ['status'],
        winner: 'merged',
        lost: ['status'],
      },
    ])
    const won = await write(institute, update({ status: 'failed' }), secondsAhead(-5))
    expect(won.status.isOverruled).toBeUndefined()
    expect(await row()).toMatchObject({ status: 'failed' })
    // It has seen what main has, so it is later, whatever its clock says.
    await write(observatory, update({ status: 'paused' }, { status: 'failed' }), secondsAhead(-3_000))
    expect(await row()).toMatchObject({ status: 'paused' })
    await write(observatory, remove(), secondsAhead(-9))
    const late = await write(institute, update({ status: 'failed' }), secondsAhead(-1))
    expect(late.status).toMatchObject({ state: 'applied', isOverruled: true })
    expect(await row()).toBeUndefined()
  })

  it('N24: last writer: a clock that runs ahead wins no longer than it is ahead', async () => {
    await declare('last_writer')
    await write(observatory, update({ status: 'completed' }), secondsAhead(3_600))
    const later = await write(institute, update({ status: 'failed' }), secondsAhead(1))
    expect(later.status.isOverruled).toBeUndefined()
    expect(await row()).toMatchObject({ status: 'failed' })
  })

  it('N24: last writer: a row is the same one whatever time zone the session of a site has', async () => {
    await main.query(
      `CREATE TABLE tick (at timestamptz PRIMARY KEY, note text); INSERT INTO tick VALUES ('2027-01-01T00:00Z')`,
    )
    await setConflictPolicy(main.client, 'public.tick', 'last_writer')
    const config = { ...main.config, options: '-c timezone=America/Santiago' }
    const west = await openTestSite({ config, catalog: main.catalog, site: 'west', retryAttempts: 1 })
    onTestFinished(() => west.stop())
    const note = (text: string): Operation => ({
      kind: 'update',
      table: 'public.tick',
      key: { at: '2027-01-01 00:00:00+00' },
      set: { note: text },
    })
    await write(observatory, note('later'), secondsAhead(-10))
    const lost = await write(west, note('earlier'), secondsAhead(-20))
    expect(lost.status.isOverruled).toBe(true)
    expect(await main.query('SELECT note FROM tick')).toEqual([{ note: 'later' }])
  })

  it('N24: append only: main refuses updates and deletes, and takes rows', async () => {
    await declare('append_only')
    for (const operation of [update({ status: 'x' }), remove()]) {
      const refused = await write(observatory, operation, undefined, 'rejected')
      expect(refused.status.sqlstate).toBe('OP007')
    }
    await write(observatory, { kind: 'insert', table: 'public.unit', row: { id: randomUUID(), name: 'new' } })
    expect(await row()).toMatchObject({ status: 'running' })
  })

  it('N24: own function: what it returns is set, null keeps what main has, its error rejects', async () => {
    await main.query(`CREATE FUNCTION keep_best(t text, key jsonb, base jsonb, mine jsonb, theirs jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN
        IF mine->>'status' = 'broken' THEN RAISE EXCEPTION 'cannot decide on %', t USING ERRCODE = 'XX001'; END IF;
        IF current_setting('search_path') <> 'pg_catalog, pg_temp' THEN RAISE 'unsafe'; END IF;
        IF mine->>'status' = 'failed' THEN RETURN NULL; END IF;
        RETURN theirs || mine || jsonb_build_object('seeing', least((mine->>'seeing')::numeric, (theirs->>'seeing')::numeric));
      END $$`)
    await declare({ function: 'public.keep_best' })
    await write(observatory, update({ seeing: '0.5' }, { seeing: '0.7' }))
    const merged = await write(
      institute,
      update({ seeing: '0.6', status: 'paused' }, { seeing: '0.7', status: 'running' }),
    )
    expect(merged.status.isOverruled).toBe(true)
    expect(await row()).toEqual({ name: 'Orion', status: 'paused', seeing: 0.5 })
    const kept = await write(institute, update({ status: 'failed' }))
    expect(kept.status.isOverruled).toBe(true)
    expect(await row()).toMatchObject({ status: 'paused' })
    expect(await conflicts()).toMatchObject([
      { winner: 'merged', columns: ['seeing'], lost: ['seeing'], result: { status: 'paused' } },
      { winner: 'theirs', lost: ['status'] },
    ])
    const broken = await write(institute, update({ status: 'broken' }), undefined, 'rejected')
    expect(broken.status).toMatchObject({
      sqlstate: 'OP008',
      message: 'the policy of public.unit failed: cannot decide on public.unit',
    })
    await write(institute, update({ status: 'after' }))
    expect(await row()).toMatchObject({ status: 'after' })
  })

  it('N11, N24: an own function that is gone stops the applier after ten changes, and one that lacks a grant rejects none', async () => {
    await main.query(
      `CREATE FUNCTION decide(t text, key jsonb, base jsonb, mine jsonb, theirs jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'permission denied for table weights' USING ERRCODE = 'insufficient_privilege'; END $$`,
    )
    await declare({ function: 'public.decide' })
    await write(institute, update({ status: 'waits' }), undefined, 'parked')
    await main.query('DROP FUNCTION decide')
    for (let number = 0; number < 20; number += 1)
      await observatory.append([update({ status: `s${number}` })])
    await waitFor(() => observatory.applier.state.kind === 'blocked', { what: 'the applier to stop' })
    expect(observatory.alarms).toMatchObject([{ code: 'rejections' }])
    expect(observatory.journal.statistics().counts).toMatchObject({ rejected: 10, buffered: 10 })
    expect(observatory.journal.status(1)).toMatchObject({
      sqlstate: '42883',
      message: expect.stringContaining('the policy of public.unit failed') as string,
    })
    expect(await main.query(`SELECT FROM outpost.ledger WHERE site = 'institute'`)).toEqual([])
  })

  it('N24: a resent change gets its first answer, and nothing is recorded twice', async () => {
    await declare('last_writer')
    await write(observatory, update({ status: 'completed' }), secondsAhead(-10))
    const lost = await write(institute, update({ status: 'failed' }), secondsAhead(-20))
    // As after a crash that lost what main had answered.
    await institute.journal.setStatus([{ from: lost.seq, to: lost.seq, status: { state: 'buffered' } }])
    institute.applier.wake()
    await institute.until('applied', lost.seq)
    expect(institute.journal.status(lost.seq).isOverruled).toBe(true)
    expect(await conflicts()).toHaveLength(1)
  })

  it('P11: conflicts and stamps are forgotten when they are old', async () => {
    await declare('last_writer')
    await write(observatory, update({ status: 'completed' }), secondsAhead(-10))
    await write(institute, update({ status: 'failed' }), secondsAhead(-20))
    await main.query(`UPDATE outpost.conflict SET at = at - interval '31 days'`)
    await main.query('UPDATE outpost.row_stamp SET clock = 0')
    expect(await main.query('SELECT outpost.forget_answers(1) AS done')).toEqual([{ done: false }])
    expect(await main.query('SELECT outpost.forget_answers(1) AS done')).toEqual([{ done: true }])
    expect(await conflicts()).toEqual([])
    expect(await main.query('SELECT FROM outpost.row_stamp')).toEqual([])
  })
})
