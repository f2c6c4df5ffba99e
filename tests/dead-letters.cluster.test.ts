import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Receipt, Site } from 'outpost/site'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { inStates, untilReplicated } from './harness/drained.ts'
import { type Stage, startStage } from './harness/stage.ts'
import { uuidOf } from './harness/workload.ts'

const unitId = uuidOf('unit of the dead letter')
const fileId = uuidOf('file of the dead letter')

describeEachPostgres('N3: dead letters', (pg) => {
  let stage: Stage
  let site: Site

  beforeEach(async () => {
    stage = await startStage(pg)
    site = await stage.live.open()
  })
  afterEach(async () => {
    await stage.stop()
  })

  const main = (sql: string) => stage.cluster.primary.query(sql, [], stage.ground.database)
  const stateOf = async (id: string) => (await stage.live.site.transactionById(id))?.status.state
  const names = async () =>
    (await stage.live.site.read<{ name: string; step: number }>('SELECT name, step FROM unit ORDER BY name'))
      .rows
  const files = async () =>
    (await stage.live.site.read<{ name: string }>('SELECT name FROM file ORDER BY name')).rows.map(
      ({ name }) => name,
    )
  const cleared = () => waitFor(() => inStates(site, ['rejected']) === 0, { what: 'no dead letter' })

  /** A unit whose name another has on main, rejected; three that wait for it, parked. */
  async function recordDeadLetter(): Promise<{ dead: Receipt; cone: readonly Receipt[] }> {
    await main(`INSERT INTO unit (id, name) VALUES ('${uuidOf('other')}', 'taken')`)
    const first = site.transaction()
    first.insert('unit', { id: unitId, name: 'taken' })
    first.insert('audit', { stream: 'dead', n: 0, note: 'with its unit' })
    const file = site.transaction()
    file.insert('file', { id: fileId, unit_id: unitId, name: 'a.fits' })
    const step = site.transaction()
    step.update('unit', { id: unitId }, { step: 1 })
    const rename = site.transaction()
    rename.update('file', { id: fileId }, { name: 'b.fits' })
    const dead = await site.append(first)
    const cone = [await site.append(file), await site.append(step), await site.append(rename)]
    await waitFor(() => inStates(site, ['parked']) === 3, { what: 'the cone being parked' })
    expect(await stateOf(dead.transactionId)).toBe('rejected')
    await untilReplicated(site)
    return { dead, cone }
  }

  const untilAllArrived = async () => {
    await waitFor(() => inStates(site, ['parked', 'rejected']) === 0, { what: 'the cone being released' })
    await untilReplicated(site)
  }

  it('a replay works while the link is cut, is there once, and releases the cone in order', async () => {
    const { dead, cone } = await recordDeadLetter()
    expect(await site.deadLetters.cone(dead.transactionId)).toEqual({
      count: 3,
      first: cone.map(({ seq, transactionId }) => ({ seq, id: transactionId, state: 'parked' })),
    })
    await main("DELETE FROM unit WHERE name = 'taken'")
    await waitFor(async () => (await site.read('SELECT 1 FROM unit')).rows.length === 1, {
      what: 'the replica to follow',
    })
    stage.link.cut()
    const { receipt, decision } = await site.deadLetters.replay(dead.transactionId, {
      actor: 'night shift',
      reason: 'the other unit is gone',
    })
    expect(decision).toEqual({
      kind: 'replay',
      id: receipt.transactionId,
      on: dead.transactionId,
      decided: 1,
      waiting: 3,
    })
    expect(receipt.state).toBe('buffered')
    expect(await stateOf(dead.transactionId)).toBe('superseded')
    expect(await names()).toEqual([{ name: 'taken', step: 1 }])
    expect(await files()).toEqual(['b.fits'])
    expect((await site.deadLetters.cone(receipt.transactionId)).count).toBe(3)
    site = await stage.live.restart()
    expect(await stateOf(dead.transactionId)).toBe('superseded')
    expect(await names()).toEqual([{ name: 'taken', step: 1 }])
    await expect(site.deadLetters.replay(dead.transactionId)).rejects.toMatchObject({
      code: 'transition_refused',
      message: expect.stringContaining('night shift'),
      details: { state: 'superseded', decided_by: { transaction_id: receipt.transactionId } },
    })
    stage.link.restore()
    await untilAllArrived()
    expect(await main('SELECT name, step FROM unit')).toEqual([{ name: 'taken', step: 1 }])
    expect(await main('SELECT name FROM file')).toEqual([{ name: 'b.fits' }])
    expect(await names()).toEqual([{ name: 'taken', step: 1 }])
    expect(
      await main(
        'SELECT seq::int, outcome, decision, replaces, reason, actor FROM outpost.ledger ORDER BY seq',
      ),
    ).toEqual([
      { seq: 1, outcome: 'rejected', decision: null, replaces: null, reason: null, actor: null },
      ...[2, 3, 4].map((seq) => ({
        seq,
        outcome: 'applied',
        decision: null,
        replaces: null,
        reason: null,
        actor: null,
      })),
      {
        seq: 5,
        outcome: 'applied',
        decision: 'replay',
        replaces: dead.transactionId,
        reason: 'the other unit is gone',
        actor: 'night shift',
      },
    ])
    expect((await site.health()).problems.map(({ code }) => code)).toEqual([])
  })

  it('an edit is checked as a fresh write, shows at once under what waits for it, and arrives', async () => {
    const { dead } = await recordDeadLetter()
    const edit = (value: unknown, path = '/0/row/name') =>
      site.deadLetters.edit(dead.transactionId, [{ op: 'replace', path, value }])
    await expect(edit('x', '/0/row/nonsense')).rejects.toMatchObject({ code: 'patch_invalid' })
    await expect(edit({ far: 1 }, '/0/row/step')).rejects.toMatchObject({
      details: { errors: [{ column: 'step', code: 'invalid_value' }] },
    })
    await expect(edit({ id: unitId, name: 'x', colour: 'red' }, '/0/row')).rejects.toMatchObject({
      details: { errors: [{ column: 'colour', code: 'unknown_column' }] },
    })
    stage.link.cut()
    await edit('free')
    expect(await names()).toEqual([
      { name: 'free', step: 1 },
      { name: 'taken', step: 0 },
    ])
    expect((await site.readRow('unit', { id: unitId }))?.row).toMatchObject({ name: 'free', step: '1' })
    stage.link.restore()
    await untilAllArrived()
    expect(await main('SELECT name, step FROM unit ORDER BY name')).toEqual([
      { name: 'free', step: 1 },
      { name: 'taken', step: 0 },
    ])
    expect(await main('SELECT note FROM audit')).toEqual([{ note: 'with its unit' }])
  })

  it('a rejected replay is a dead letter with the same cone, and can be replayed again', async () => {
    const { dead, cone } = await recordDeadLetter()
    const first = await site.deadLetters.replay(dead.transactionId)
    await expect(first.receipt.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    expect(await site.deadLetters.cone(first.receipt.transactionId)).toMatchObject({
      count: 3,
      first: cone.map(({ seq }) => ({ seq, state: 'parked' })),
    })
    expect(await names()).toEqual([
      { name: 'taken', step: 0 },
      { name: 'taken', step: 1 },
    ])
    const tooEarly = await site.deadLetters.replay(first.receipt.transactionId)
    await expect(tooEarly.receipt.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    site = await stage.live.restart()
    expect((await site.deadLetters.cone(tooEarly.receipt.transactionId)).count).toBe(3)
    await main("DELETE FROM unit WHERE name = 'taken'")
    const second = await site.deadLetters.replay(tooEarly.receipt.transactionId)
    await untilAllArrived()
    expect(await main('SELECT name, step FROM unit')).toEqual([{ name: 'taken', step: 1 }])
    expect(await stateOf(first.receipt.transactionId)).toBe('superseded')
    expect(
      await main('SELECT outcome, replaces FROM outpost.ledger WHERE replaces IS NOT NULL ORDER BY seq'),
    ).toEqual([
      { outcome: 'rejected', replaces: dead.transactionId },
      { outcome: 'rejected', replaces: first.receipt.transactionId },
      { outcome: 'applied', replaces: tooEarly.receipt.transactionId },
    ])
    expect(second.receipt.state).toBe('replicated')
  })

  it('a resolve lets what waited go on', async () => {
    const { dead } = await recordDeadLetter()
    await main(`UPDATE unit SET id = '${unitId}' WHERE name = 'taken'`)
    await expect(
      site.deadLetters.resolve(dead.transactionId, { reason: ' ', actor: 'night shift' }),
    ).rejects.toMatchObject({ code: 'missing_value' })
    stage.link.cut()
    await site.deadLetters.resolve(dead.transactionId, { reason: 'entered by hand', actor: 'night shift' })
    expect(await stateOf(dead.transactionId)).toBe('resolved')
    expect(inStates(site, ['parked'])).toBe(3)
    stage.link.restore()
    await untilAllArrived()
    expect(await main('SELECT name, step FROM unit')).toEqual([{ name: 'taken', step: 1 }])
    expect(await main('SELECT name FROM file')).toEqual([{ name: 'b.fits' }])
    expect(await main('SELECT reason, actor FROM outpost.ledger WHERE decision = $$resolve$$')).toEqual([
      { reason: 'entered by hand', actor: 'night shift' },
    ])
  })

  it('a discard is refused while others wait, and takes its cone along when it is named', async () => {
    const { dead, cone } = await recordDeadLetter()
    stage.link.cut()
    const later = site.transaction()
    later.update('unit', { id: unitId }, { step: 2 })
    const unparked = await site.append(later)
    const reason = 'a test of the shutter'
    await expect(site.deadLetters.discard(dead.transactionId, { reason })).rejects.toMatchObject({
      code: 'cone_waiting',
      details: { count: 4 },
    })
    expect(
      await site.deadLetters.preview(dead.transactionId, { kind: 'discard', reason, cone: true }),
    ).toEqual({
      kind: 'discard',
      id: undefined,
      on: dead.transactionId,
      decided: 5,
      waiting: 0,
    })
    expect(await stateOf(dead.transactionId)).toBe('rejected')
    const { receipt } = await site.deadLetters.discard(dead.transactionId, { reason, cone: true })
    for (const { transactionId } of [dead, ...cone, unparked])
      expect(await stateOf(transactionId)).toBe('discarded')
    expect(await names()).toEqual([{ name: 'taken', step: 0 }])
    expect(await files()).toEqual([])
    expect(await site.readRow('unit', { id: unitId })).toBeUndefined()
    const anew = site.transaction()
    anew.insert('unit', { id: unitId, name: 'anew' })
    await site.append(anew)
    site = await stage.live.restart()
    expect(await names()).toEqual([
      { name: 'anew', step: 0 },
      { name: 'taken', step: 0 },
    ])
    stage.link.restore()
    await untilAllArrived()
    expect(await main('SELECT name, step FROM unit ORDER BY name')).toEqual([
      { name: 'anew', step: 0 },
      { name: 'taken', step: 0 },
    ])
    expect(await main('SELECT count(*)::int AS n FROM outpost.decided')).toEqual([{ n: 5 }])
    expect(
      await main('SELECT transaction_id, replaces FROM outpost.ledger WHERE decision IS NOT NULL'),
    ).toEqual([{ transaction_id: receipt.transactionId, replaces: dead.transactionId }])
    await cleared()
    expect((await site.health()).status).toBe('healthy')
  })

  it('of two operators at once one is first, and the others are told', async () => {
    const { dead, cone } = await recordDeadLetter()
    const answers = await Promise.allSettled([
      site.deadLetters.replay(dead.transactionId, { actor: 'a' }),
      site.deadLetters.resolve(dead.transactionId, { reason: 'done', actor: 'b' }),
      site.deadLetters.discard(cone[0]!.transactionId, { reason: 'no', cone: true, actor: 'c' }),
      site.deadLetters.discard(dead.transactionId, { reason: 'no', cone: true, actor: 'd' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'transition_refused' })
    await expect(site.deadLetters.replay(cone[1]!.transactionId)).rejects.toMatchObject({
      code: 'transition_refused',
      details: { state: 'parked' },
    })
    await expect(site.deadLetters.replay(uuidOf('nobody'))).rejects.toMatchObject({
      code: 'transaction_unknown',
    })
  })

  it('an Idempotency-Key makes one decision of two requests', async () => {
    const { dead } = await recordDeadLetter()
    const ask = () =>
      site.deadLetters.replay(dead.transactionId, {
        idempotency: { scope: 's', key: 'k', requestDigest: 'd' },
        answer: ({ id }) => ({ status: 201, body: { id } }),
      })
    const [first, again] = await Promise.all([ask(), ask()])
    expect(again.receipt).toMatchObject({
      transactionId: first.receipt.transactionId,
      isReplayed: true,
      answer: { status: 201, body: { id: first.receipt.transactionId } },
    })
  })

  it('shows what main has of the row that was in the way, and does not hang without main', async () => {
    const { dead } = await recordDeadLetter()
    expect(await site.deadLetters.mainRows(dead.transactionId)).toEqual({
      kind: 'answered',
      rows: [
        {
          why: 'unique',
          table: 'public.unit',
          constraint: 'unit_name_key',
          key: { name: 'taken' },
          row: expect.objectContaining({ id: uuidOf('other'), name: 'taken' }),
        },
      ],
    })
    stage.link.halfOpen()
    const startedMs = performance.now()
    expect(await site.deadLetters.mainRows(dead.transactionId, { timeoutMs: 300 })).toEqual({
      kind: 'silent',
      reason: expect.stringContaining('Main'),
    })
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })
})
