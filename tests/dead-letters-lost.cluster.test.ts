import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Site, StatusChange } from 'outpost/site'
import { expect, it } from 'vitest'
import { inStates, untilApplied, untilReplicated } from './harness/drained.ts'
import { replaceMethods } from './harness/replace-methods.ts'
import { ReplaceableMain } from './harness/replaceable-main.ts'
import { startStage } from './harness/stage.ts'
import { uuidOf } from './harness/workload.ts'

const reason = 'a test of the shutter'

/** A unit that main rejects by its CHECK, and a file that waits for it. */
async function recordDeadLetter(site: Site, name: string) {
  const unit = site.transaction()
  unit.insert('unit', { id: uuidOf(name), name, status: 'forbidden' })
  const file = site.transaction()
  file.insert('file', { id: uuidOf(name, 'file'), unit_id: uuidOf(name), name })
  return { dead: (await site.append(unit)).transactionId, waits: (await site.append(file)).transactionId }
}

const allow = [{ op: 'replace', path: '/0/row/status', value: 'open' }]
const stateOf = async (site: Site, id: string) => (await site.transactionById(id))?.status.state
const names = async (site: Site, table: string) =>
  (await site.read<{ name: string }>(`SELECT name FROM ${table} ORDER BY name`)).rows.map(({ name }) => name)

describeEachPostgres('N3: what was decided stays decided', (pg) => {
  it('N3: after a crash that lost the states: they follow from the records again', async () => {
    const decidedStates = ['superseded', 'resolved', 'discarded']
    const isDecision = ({ status }: StatusChange) => decidedStates.includes(status.state)
    let isLosing = true
    const stage = await startStage(pg, {
      seams: {
        journal: (real) =>
          replaceMethods(real, {
            setStatus: (changes) =>
              real.setStatus(isLosing ? changes.filter((change) => !isDecision(change)) : changes),
          }),
      },
    })
    try {
      let site = await stage.live.open()
      const edited = await recordDeadLetter(site, 'edited')
      const discarded = await recordDeadLetter(site, 'discarded')
      await waitFor(() => inStates(site, ['parked']) === 2, { what: 'the cones being parked' })
      stage.link.cut()
      await site.deadLetters.edit(edited.dead, allow)
      await site.deadLetters.discard(discarded.dead, { reason, cone: true })
      expect(inStates(site, ['rejected', 'parked'])).toBe(4)
      // Known in this process all the same.
      expect(await stateOf(site, discarded.dead)).toBe('discarded')
      await expect(site.deadLetters.replay(discarded.dead)).rejects.toMatchObject({
        code: 'transition_refused',
      })
      isLosing = false
      site = await stage.live.restart()
      expect(await stateOf(site, edited.dead)).toBe('superseded')
      expect(await stateOf(site, discarded.dead)).toBe('discarded')
      expect(await stateOf(site, discarded.waits)).toBe('discarded')
      expect(await names(site, 'unit')).toEqual(['edited'])
      expect(await names(site, 'file')).toEqual(['edited'])
      stage.link.restore()
      await untilReplicated(site)
      await waitFor(() => inStates(site, ['parked']) === 0, { what: 'the release' })
      await untilReplicated(site)
      expect(await names(site, 'file')).toEqual(['edited'])
    } finally {
      await stage.stop()
    }
  }, 120_000)

  it('N3: after main was replaced by one that lacks it all: nothing comes back, and no replay meets its rejection', async () => {
    const servers = await ReplaceableMain.start(pg)
    try {
      const { candidates, live, ground } = servers
      const site = await live.open()
      const first = site.transaction()
      first.insert('unit', { id: uuidOf('first'), name: 'first' })
      await (await site.append(first)).replicated()
      await servers.holdBack({ replicaToo: true })
      const edited = await recordDeadLetter(site, 'edited')
      const discarded = await recordDeadLetter(site, 'discarded')
      const resolved = await recordDeadLetter(site, 'resolved')
      await waitFor(() => inStates(site, ['parked']) === 3, { what: 'the cones being parked' })
      const { receipt } = await site.deadLetters.edit(edited.dead, allow)
      await site.deadLetters.discard(discarded.dead, { reason, cone: true })
      await site.deadLetters.resolve(resolved.dead, { reason })
      await receipt.applied()
      await untilApplied(site)
      await waitFor(() => inStates(site, ['parked']) === 0, { what: 'the release' })
      await servers.failOverTo(candidates[0])
      await servers.followWithReplica(candidates[0])
      await waitFor(() => live.events.some((event) => event.kind === 'lineage' && event.redriven > 0), {
        what: 'the re-drive',
      })
      await untilReplicated(site)
      expect(await names(site, 'unit')).toEqual(['edited', 'first'])
      // The file of the resolved unit has become a dead letter of its own, which stays visible (N20).
      expect(await names(site, 'file')).toEqual(['edited', 'resolved'])
      expect(
        await candidates[0].query(
          'SELECT decision, outcome FROM outpost.ledger WHERE decision IS NOT NULL ORDER BY seq',
          [],
          ground.database,
        ),
      ).toEqual([
        { decision: 'edit', outcome: 'applied' },
        { decision: 'discard', outcome: 'applied' },
        { decision: 'resolve', outcome: 'applied' },
      ])
      expect(await stateOf(site, edited.dead)).toBe('superseded')
      expect(await stateOf(site, discarded.waits)).toBe('discarded')
      // The file of the resolved unit refers to nothing, on this main as on the last.
      expect(await stateOf(site, resolved.waits)).toBe('rejected')
    } finally {
      await servers.stop()
    }
  }, 120_000)
})
