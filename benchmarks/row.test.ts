import { describe, expect, it } from 'vitest'
import { atLeast, atMost, atMostValue, rowOf, shown } from './row.ts'
import { median, percentile } from './statistics.ts'
import { renderTable } from './table.ts'

const measured = { measure: 'm', baseline: 'b', value: 6, baselineValue: 2 }

describe('rowOf', () => {
  it.each([
    [atLeast(3), true, '>= 3 x'],
    [atLeast(3.1), false, '>= 3.1 x'],
    [atMost(3), true, '<= 3 x'],
    [atMost(2.9), false, '<= 2.9 x'],
    [atMostValue(5, 's'), false, '<= 5 s'],
    [shown, true, 'shown only'],
  ])('judges %o', (goal, holds, text) => {
    expect(rowOf({ ...measured, goal })).toMatchObject({ ratio: 3, holds, goal: text })
  })

  it('judges before it rounds', () => {
    expect(rowOf({ ...measured, value: 5.9999, goal: atLeast(3) })).toMatchObject({ ratio: 3, holds: false })
  })
})

describe('percentile', () => {
  it('takes the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100])
    expect(median([3, 1, 2])).toBe(2)
    expect(median([])).toBeNaN()
  })
})

describe('renderTable', () => {
  it('marks what missed its goal', () => {
    const rows = [rowOf({ ...measured, goal: atMost(1) }), rowOf({ ...measured, goal: shown })]
    const [head, missed, held] = renderTable(rows).split('\n')
    expect(head).toMatch(/^measure +value +baseline/)
    expect(missed).toMatch(/MISSED$/)
    expect(held).toMatch(/shown only$/)
  })
})
