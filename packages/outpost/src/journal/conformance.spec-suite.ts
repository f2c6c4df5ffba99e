import { describe } from 'vitest'
import { describeAppend } from './conformance/append.spec-suite.ts'
import { describeDrop } from './conformance/drop.spec-suite.ts'
import { type ConformanceStore, conformanceGround } from './conformance/ground.spec-suite.ts'
import { describeOpening } from './conformance/opening.spec-suite.ts'
import { describeReading } from './conformance/reading.spec-suite.ts'
import { describeStatus } from './conformance/status.spec-suite.ts'

/** What every journal promises, whatever it stores in. */
export function describeJournal(name: string, makeStore: () => Promise<ConformanceStore>): void {
  describe(`journal conformance: ${name}`, () => {
    const ground = conformanceGround(makeStore)
    describeAppend(ground)
    describeReading(ground)
    describeStatus(ground)
    describeDrop(ground)
    describeOpening(ground)
  })
}
