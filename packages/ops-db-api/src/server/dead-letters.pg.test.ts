import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type TestAnswer, type TestSite, TwoSites } from './two-sites.spec-suite.ts'

describeEachPostgres('dead letters over HTTP', (version) => {
  let sites: TwoSites
  let observatory: TestSite

  beforeAll(async () => {
    sites = await TwoSites.start(version)
    observatory = await sites.openObservatory()
    // A rule that only main knows.
    await sites.cluster.primary.query(
      `ALTER TABLE executed_obs_unit ADD CONSTRAINT no_storms CHECK (notes <> 'storm') NOT VALID`,
    )
  })
  afterAll(() => sites.stop())
  afterEach(() => sites.link.restore())

  const call = (
    method: 'GET' | 'POST' | 'PATCH',
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) =>
    sites.call(observatory, method, url, body, {
      authorization: `Bearer ${sites.bearer('admin')}`,
      ...headers,
    })
  const untilState = (id: string, state: string) =>
    waitFor(async () => (await call('GET', `/transactions/${id}`)).body.state === state, {
      what: `${id} being ${state}`,
      deadlineMs: 20_000,
    })

  /** A unit that main refuses and a file of it; answers the transactions and the unit. */
  async function recordStorm() {
    const unit = await call('POST', '/executed_obs_units/start', { obs_unit_id: 1, notes: 'storm' })
    const dead = String(unit.body.transaction_id)
    const id = String(unit.body.id)
    const file = await call('POST', '/raw_data_files', { executed_obs_unit_id: id, name: 'a.fits' })
    const waits = String(file.body.transaction_id)
    await untilState(dead, 'rejected')
    await untilState(waits, 'parked')
    return { id, dead, waits }
  }
  const problemOf = ({ status, headers, body }: TestAnswer) => {
    expect(headers['content-type']).toContain('application/problem+json')
    return { status, code: body.code }
  }

  it('shows the whole case, takes a JSON Patch while the link is cut, and everything arrives', async () => {
    const { id, dead, waits } = await recordStorm()
    const shown = await call('GET', `/transactions/${dead}?main=true`)
    expect(shown.body).toMatchObject({
      state: 'rejected',
      rejection: { sqlstate: '23514', constraint: 'no_storms', message: expect.any(String) },
      operations: [{ kind: 'insert', row: { notes: 'storm' } }],
      cone: { count: 1, first: [{ id: waits, state: 'parked' }] },
      main: { answered: true, rows: [] },
      decision: null,
      decided_by: null,
    })
    expect((await call('GET', '/health')).body.status).toBe('degraded')
    sites.link.cut()
    const patch = [{ op: 'replace', path: '/0/row/notes', value: 'a storm has passed' }]
    const dry = await call('PATCH', `/transactions/${dead}?dry_run=true`, patch)
    expect(dry).toMatchObject({
      status: 200,
      body: { decision: 'edit', on: dead, decided: 1, waiting: 1, transaction_id: null, dry_run: true },
    })
    const headers = { 'content-type': 'application/json-patch+json', 'idempotency-key': `edit-${dead}` }
    const edited = await call('PATCH', `/transactions/${dead}`, JSON.stringify(patch), headers)
    expect(edited).toMatchObject({
      status: 200,
      body: { decision: 'edit', on: dead, waiting: 1, transaction_state: 'buffered', dry_run: false },
    })
    expect(edited.headers['outpost-token']).toBe(edited.body.token)
    const replacement = String(edited.body.transaction_id)
    const again = await call('PATCH', `/transactions/${dead}`, JSON.stringify(patch), headers)
    expect(again.headers['idempotency-replayed']).toBe('true')
    expect(again.body.transaction_id).toBe(replacement)
    expect((await call('GET', `/executed_obs_units/${id}`)).body).toMatchObject({
      notes: 'a storm has passed',
      transaction_state: 'buffered',
    })
    expect((await call('GET', `/transactions/${dead}`)).body).toMatchObject({
      state: 'superseded',
      decided_by: { transaction_id: replacement, kind: 'edit', actor: 'test admin', reason: null },
      cone: { count: 0 },
    })
    expect((await call('GET', `/transactions/${replacement}`)).body).toMatchObject({
      replaces: dead,
      actor: 'test admin',
      decision: { kind: 'edit', on: [dead], count: 1 },
      cone: { count: 1 },
    })
    expect(problemOf(await call('POST', `/transactions/${dead}/replay`))).toEqual({
      status: 409,
      code: 'transition_refused',
    })
    sites.link.restore()
    await untilState(waits, 'replicated')
    expect((await call('GET', '/health')).body.problems).toEqual([])
    expect(
      await sites.cluster.primary.query(
        'SELECT replaces, actor FROM outpost.ledger WHERE transaction_id = $1',
        [replacement],
      ),
    ).toEqual([{ replaces: dead, actor: 'test admin' }])
  })

  it('discards with the cone only where it is said, resolves with a reason, and needs the scope admin', async () => {
    const { id, dead, waits } = await recordStorm()
    const reason = 'nobody observed'
    for (const scope of ['read', 'write'] as const) {
      const headers = { authorization: `Bearer ${sites.bearer(scope)}` }
      expect(problemOf(await call('POST', `/transactions/${dead}/discard`, { reason }, headers))).toEqual({
        status: 403,
        code: 'scope_missing',
      })
    }
    const refused = await call('POST', `/transactions/${dead}/discard`, { reason })
    expect(problemOf(refused)).toEqual({ status: 409, code: 'cone_waiting' })
    expect(refused.body.details).toMatchObject({ count: 1, first: [{ id: waits }] })
    const discarded = await call('POST', `/transactions/${dead}/discard`, { reason, cone: true })
    expect(discarded).toMatchObject({ status: 200, body: { decision: 'discard', decided: 2, waiting: 0 } })
    expect((await call('GET', `/executed_obs_units/${id}`)).status).toBe(404)
    expect((await call('GET', '/transactions?state=discarded')).body.items).toMatchObject([
      { id: dead, decided_by: { kind: 'discard', reason } },
      { id: waits, decided_by: { kind: 'discard', reason } },
    ])
    const other = await recordStorm()
    const resolved = await call('POST', `/transactions/${other.dead}/resolve`, { reason: 'entered by hand' })
    expect(resolved).toMatchObject({ status: 200, body: { decision: 'resolve', waiting: 1 } })
    // What waited goes on, and is refused for itself: nobody has entered the unit.
    await untilState(other.waits, 'rejected')
    await call('POST', `/transactions/${other.waits}/discard`, { reason })
    expect((await call('GET', '/health')).body.transaction_buffer).toMatchObject({ failed: 0 })
  })

  it('P9: says what is wrong with a request, and nothing is decided', async () => {
    const { dead, waits } = await recordStorm()
    const at = (path: string) => `/transactions/${dead}${path}`
    const step = (more: Record<string, unknown>) => [{ op: 'replace', path: '/0/row/notes', ...more }]
    for (const [method, url, body, status, code] of [
      ['POST', at('/resolve'), {}, 422, 'missing_value'],
      ['POST', at('/resolve'), undefined, 422, 'missing_value'],
      ['POST', at('/resolve'), { reason: 7 }, 422, 'invalid_value'],
      ['POST', at('/resolve'), { reason: 'x'.repeat(1_001) }, 422, 'invalid_value'],
      ['POST', at('/discard'), { reason: 'x', cone: 'yes' }, 422, 'invalid_value'],
      ['POST', at('/discard'), { reason: 'x', rows: true }, 422, 'unknown_column'],
      ['POST', at('/replay?dry=true'), undefined, 422, 'unknown_column'],
      ['POST', at('/replay?dry_run=perhaps'), undefined, 422, 'invalid_value'],
      ['GET', at('?main=7'), undefined, 422, 'invalid_value'],
      ['PATCH', at(''), {}, 422, 'invalid_value'],
      ['PATCH', at(''), step({}), 422, 'patch_invalid'],
      ['PATCH', at(''), [{ op: 'add', path: '/0/row/nothing', value: 1 }], 422, 'unknown_column'],
      ['PATCH', at(''), step({ path: '/9/row/notes', value: 'x' }), 422, 'patch_invalid'],
      ['PATCH', at(''), step({ value: { far: 'off' } }), 422, 'invalid_value'],
      ['PATCH', at(''), [{ op: 'add', path: '/0/row/__proto__', value: 1 }], 422, 'patch_invalid'],
      ['POST', `/transactions/${waits}/replay`, undefined, 409, 'transition_refused'],
      ['POST', '/transactions/nothing/replay', undefined, 404, 'transaction_unknown'],
      ['POST', `/transactions/${dead.replace(/.$/, 'z')}/replay`, undefined, 404, 'transaction_unknown'],
    ] as const) {
      const answer = problemOf(await call(method, url, body))
      expect({ url, body, ...answer }).toEqual({ url, body, status, code })
    }
    expect((await call('GET', at(''))).body).toMatchObject({ state: 'rejected', decided_by: null })
  })
})
