import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { beforeEach, expect, it } from 'vitest'
import type { Operation } from '../transaction/operation.ts'
import { draftOf, file, type TestSite, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('a replay', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  let site: TestSite

  beforeEach(async () => {
    site = await stage.open()
  })

  it('N3: is a transaction of its own, applied although main rejected the one that it replaces', async () => {
    const id = randomUUID()
    const parent = await site.append([unit(id)])
    const bad = await site.append([file(id, 'negative', randomUUID(), '-1')], [parent])
    await site.until('rejected', bad)
    const [rejected] = await site.journal.getMany([bad])
    const { seq } = await site.journal.append({ ...draftOf([file(id)]), replaces: rejected!.id })
    await site.journal.setStatus([{ from: bad, to: bad, status: { state: 'superseded' } }])
    await site.until('applied', seq)
    expect((await site.journal.getMany([seq]))[0]).toMatchObject({ replaces: rejected!.id })
    expect(await stage.main.query('SELECT seq::integer, outcome FROM outpost.ledger ORDER BY seq')).toEqual([
      { seq: 1, outcome: 'applied' },
      { seq: 2, outcome: 'rejected' },
      { seq: 3, outcome: 'applied' },
    ])
  })

  it('N3: is applied again when main lost it, and what was dealt with stays dealt with', async () => {
    const id = randomUUID()
    const parent = await site.append([unit(id)])
    const bad = await site.append([file(id, 'negative', randomUUID(), '-1')], [parent])
    const discarded = await site.append([file(id, 'nothing', randomUUID(), '-2')], [parent])
    await site.until('rejected', bad, discarded)
    const [rejected] = await site.journal.getMany([bad])
    const { seq } = await site.journal.append({ ...draftOf([file(id)]), replaces: rejected!.id })
    await site.until('applied', seq)
    await site.journal.setStatus([
      { from: bad, to: bad, status: { state: 'superseded' } },
      { from: discarded, to: discarded, status: { state: 'discarded' } },
    ])
    await stage.main.query('DELETE FROM outpost.ledger WHERE seq >= 2')
    await stage.main.query('DELETE FROM file')
    const later = await site.append([unit(randomUUID())])
    await site.until('applied', seq, later)
    await expect.poll(() => site.redriven, { timeout: 10_000 }).toEqual([seq])
    await site.until('applied', seq, later)
    expect(await stage.main.query('SELECT name FROM file')).toEqual([{ name: 'a.fits' }])
    expect([site.journal.status(bad).state, site.journal.status(discarded).state]).toEqual([
      'superseded',
      'discarded',
    ])
  })

  it('N3: main rejects a decision about what was applied after all, and a second one about the same', async () => {
    const applied = await site.append([unit(randomUUID())])
    await site.until('applied', applied)
    const [record] = await site.journal.getMany([applied])
    const late = await decide([record!.id], [unit(randomUUID())])
    const first = await decide([randomUUID()], [])
    await site.until('applied', first)
    const [decision] = await site.journal.getMany([first])
    const second = await decide([randomUUID(), decision!.decision!.on[0]!.id], [unit(randomUUID())])
    await site.until('rejected', late, second)
    expect(site.journal.status(late)).toMatchObject({
      sqlstate: 'OP004',
      message: `transaction ${record!.id} was applied after all`,
    })
    expect(site.journal.status(second)).toMatchObject({ sqlstate: 'OP004' })
    expect(await stage.count('unit')).toBe(1)
    expect(await stage.main.query('SELECT decided_by FROM outpost.decided')).toEqual([
      { decided_by: decision!.id },
    ])
  })

  it('N3: what was decided on and comes again from an old copy of the journal is rejected, among others too', async () => {
    const id = randomUUID()
    const decision = await decide([id], [])
    await site.until('applied', decision)
    const back = await site.journal.append({ ...draftOf([unit(randomUUID())]), id })
    const other = await site.append([unit(randomUUID())])
    await site.until('applied', other)
    await site.until('rejected', back.seq)
    expect(site.journal.status(back.seq)).toMatchObject({ sqlstate: 'OP004' })
    expect(await stage.count('unit')).toBe(1)
  })

  /** A decision as the workbench records it, about transactions that this journal need not know. */
  async function decide(ids: readonly string[], operations: readonly Operation[]): Promise<number> {
    const { seq } = await site.journal.append({
      ...draftOf(operations),
      replaces: ids[0]!,
      decision: { kind: 'discard', on: ids.map((id) => ({ seq: 1, id })), reason: 'of old' },
    })
    return seq
  }
})
