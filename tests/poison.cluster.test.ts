import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Receipt, Site } from 'outpost/site'
import { expect, it } from 'vitest'
import { findViolations } from './harness/checker.ts'
import { inStates, untilReplicated } from './harness/drained.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { type Stage, startStage } from './harness/stage.ts'
import { uuidOf } from './harness/workload.ts'

const poisoned = uuidOf('poisoned unit')

/** A unit that main must reject by its CHECK, which only main evaluates here. */
async function recordPoison(site: Site): Promise<Receipt> {
  const transaction = site.transaction()
  transaction.insert('unit', { id: poisoned, name: 'poisoned', status: 'forbidden' })
  transaction.insert('audit', { stream: 'poison', n: 0, note: 'goes down with its unit' })
  return await site.append(transaction)
}

/** Three that depend on it: a file of it, a step of it, and a step of that file. */
async function recordCone(site: Site): Promise<readonly Receipt[]> {
  const file = uuidOf('file of the poisoned unit')
  const first = site.transaction()
  first.insert('file', { id: file, unit_id: poisoned, name: 'a.fits' })
  const second = site.transaction()
  second.update('unit', { id: poisoned }, { step: 1 })
  const third = site.transaction()
  third.update('file', { id: file }, { name: 'b.fits' })
  return [await site.append(first), await site.append(second), await site.append(third)]
}

async function stateOf(site: Site, receipt: Receipt) {
  return (await site.transactionById(receipt.transactionId))?.status
}

describeEachPostgres('P5: a poisoned transaction among hundreds', (pg) => {
  it('is rejected and recorded, its dependants are parked, all others arrive in order', async () => {
    const stage = await startStage(pg)
    try {
      const site = await stage.live.open()
      const writer = new LiveWriter({ streams: ['a', 'b', 'c', 'd'], everyMs: 0 })
      await writer.record(site, 1)
      await untilReplicated(site)
      stage.link.cut()
      await writer.record(site, 40)
      const poison = await recordPoison(site)
      await writer.record(site, 10)
      const cone = await recordCone(site)
      await writer.record(site, 40)
      expect(inStates(site, ['buffered'])).toBeGreaterThan(300)
      stage.link.restore()
      await untilReplicated(site)
      await expectIsolated(stage, site, poison, cone, writer)
      const again = await stage.live.restart()
      await untilReplicated(again)
      await expectIsolated(stage, again, poison, cone, writer)
    } finally {
      await stage.stop()
    }
  }, 120_000)
})

async function expectIsolated(
  stage: Stage,
  site: Site,
  poison: Receipt,
  cone: readonly Receipt[],
  writer: LiveWriter,
): Promise<void> {
  await waitFor(() => inStates(site, ['parked']) === cone.length, { what: 'the cone being parked' })
  expect(await stateOf(site, poison)).toMatchObject({
    state: 'rejected',
    sqlstate: '23514',
    constraint: 'unit_status_check',
  })
  for (const receipt of cone) expect(await stateOf(site, receipt)).toMatchObject({ state: 'parked' })
  expect(inStates(site, ['rejected'])).toBe(1)
  const main = await stage.ground.readMain()
  const rejected = main.ledger.filter(({ outcome }) => outcome === 'rejected')
  expect(rejected).toMatchObject([{ id: poison.transactionId, sqlstate: '23514' }])
  // All or nothing (P4): the audit row of the poisoned transaction went down with it.
  expect(main.tables.get('audit')?.has('poison 0')).toBe(false)
  const withoutPoison = { ...main, ledger: main.ledger.filter(({ outcome }) => outcome === 'applied') }

  expect(findViolations(writer.account, withoutPoison)).toEqual([])
}
