import { describe, expect, it } from 'vitest'
import type { ApplierState } from '../applier/applier-options.ts'
import { SimulatedClock } from '../applier/simulated-clock.spec-suite.ts'
import { isInContact } from '../observing/health.ts'
import { SiteFacts } from './site-facts.ts'

const alarm = { code: 'rejections', message: 'ten alike', hint: 'mend' } as const
const blocked: ApplierState = { kind: 'blocked', alarm, isFinal: true }
const fenced: ApplierState = { kind: 'waiting', reason: 'another applier of this site has taken over' }

async function silentFor(ms: number, before: (facts: SiteFacts) => void) {
  const clock = new SimulatedClock()
  const facts = new SiteFacts(clock, 1_000)
  before(facts)
  await clock.runUntil(ms)
  return facts
}

describe('what a site knows of main', () => {
  const greeted = (facts: SiteFacts) => {
    facts.linkChanged('connected')
    facts.mainAnswered('1/3000000')
  }

  it('P2: silence tells only while the applier asks', async () => {
    const facts = await silentFor(60_000, greeted)
    expect(isInContact(facts.main({ kind: 'idle' }))).toBe(false)
    expect(isInContact(facts.main({ kind: 'running' }))).toBe(false)
    expect(isInContact(facts.main(blocked))).toBe(true)
    expect(isInContact(facts.main(fenced))).toBe(true)
    expect(facts.main(blocked).silentMs).toBe(60_000)
  })

  it('N4: a main that was only ever refused is not away, and a refusal is an answer', async () => {
    const facts = await silentFor(20_000, (before) => before.mainAnswered())
    expect(isInContact(facts.main(blocked))).toBe(true)
    expect(facts.main(blocked).silentMs).toBe(20_000)
    facts.mainAnswered()
    expect(facts.main(blocked).silentMs).toBe(0)
    expect(facts.mainLsn).toBeUndefined()
  })

  it('N5: nobody waits for a main that the applier sends nothing to', async () => {
    const facts = await silentFor(0, greeted)
    expect(facts.isMainConnected({ kind: 'idle' })).toBe(true)
    expect(facts.isMainConnected(blocked)).toBe(false)
    const silent = await silentFor(60_000, greeted)
    expect(silent.isMainConnected(fenced)).toBe(false)
  })
})
