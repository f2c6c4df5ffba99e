import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlannedTransaction, planBatch } from './batch-plan.ts'
import { PlanEncoder } from './encoded-plan.ts'
import { sampleCatalog } from './sample-catalog.spec-suite.ts'
import { tableRules } from './table-rules.ts'

const rules = tableRules(sampleCatalog())

const transactions = fc
  .array(
    fc.record({
      epoch: fc.constantFrom('e1', 'e2'),
      table: fc.constantFrom('public.loose', 'public.watched'),
      value: fc.string({ unit: 'grapheme' }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 20 },
  )
  .map((each) =>
    each.map(
      ({ epoch, table, value, count }, index): PlannedTransaction => ({
        seq: index + 1,
        epoch,
        id: `id-${index}`,
        digest: '00',
        bufferedAtMs: 0,
        dependsOn: index === 0 ? [] : [index],
        isLastAttempt: true,
        operations: Array.from({ length: count }, (_, n) => ({
          kind: 'insert' as const,
          table,
          row: { id: `${index}-${n}`, value },
        })),
      }),
    ),
  )

describe('PlanEncoder', () => {
  it('encodes what planBatch plans, with what is known only at the end', () => {
    fc.assert(
      fc.property(transactions, fc.integer({ min: 1, max: 5 }), (batch, maxGroupTransactions) => {
        const limits = { maxGroupTransactions, maxGroupOperations: 6 }
        const encoder = new PlanEncoder(rules, limits)
        for (const each of batch) encoder.add(each)
        const { groups, payload } = encoder.finish()
        const plan = planBatch(batch, rules, limits)
        expect(groups).toEqual(plan.groups)
        expect(JSON.parse(payload({ isRedriven: true }))).toEqual({ ...plan.wire, isRedriven: true })
      }),
    )
  })
})
