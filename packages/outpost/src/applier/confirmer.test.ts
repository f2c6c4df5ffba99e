import { afterEach, describe, expect, it } from 'vitest'
import { Confirmer } from './confirmer.ts'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'
import { SimulatedClock } from './simulated-clock.spec-suite.ts'

describe('Confirmer', () => {
  const clock = new SimulatedClock()
  let confirmer: Confirmer
  let looks = 0
  let isRefusing = false

  afterEach(async () => {
    const stopped = confirmer.stop()
    await clock.runUntil(clock.nowMs() + 10_000)
    await stopped
    looks = 0
  })

  const open = (): void => {
    confirmer = new Confirmer({
      site: 'observatory',
      journal: openMemoryJournal(),
      clock,
      query: async () => {
        looks++
        if (isRefusing) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
        return [{ has_lineage: false, lsn: '0/1' }]
      },
      lineage: () => ({ id: 'first', lsn: '0/10' }),
    })
    confirmer.start()
  }
  const wakeFor = async (forMs: number, everyMs: number): Promise<void> => {
    for (let ms = 0; ms < forMs; ms += everyMs) {
      confirmer.wake()
      await clock.runUntil(clock.nowMs() + everyMs)
    }
  }

  it('P11: gives a replica that refuses its time, however often it is woken', async () => {
    isRefusing = true
    open()
    await wakeFor(60_000, 50)
    expect(confirmer.state).toBe('unreachable')
    expect(looks).toBeGreaterThan(10)
    expect(looks).toBeLessThan(30)
  })

  it('looks at once when it is woken from an idle pause', async () => {
    isRefusing = false
    open()
    await clock.runUntil(clock.nowMs() + 10)
    expect(looks).toBe(1)
    confirmer.wake()
    await clock.runUntil(clock.nowMs() + 50)
    expect(looks).toBe(2)
  })
})
