import { describe, expect, it } from 'vitest'
import { benchmarks } from './registry.ts'
import type { Row } from './row.ts'

const members = ['measure', 'baseline', 'value', 'baseline_value', 'ratio', 'goal', 'holds']

/** On tiny sizes: that each benchmark still runs and tells what it should. The figures themselves mean nothing. */
describe('npm run bench', () => {
  it.each(benchmarks)('$name measures', { timeout: 120_000 }, async (benchmark) => {
    const rows = await benchmark.run({ scale: 'smoke', onProgress: () => undefined })
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expectWellFormed(row)
  })

  it('has names to choose by', () => {
    const names = benchmarks.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z][a-z-]*$/)
  })
})

function expectWellFormed(row: Row): void {
  expect(Object.keys(row)).toEqual(members)
  expect(row.baseline_value, row.measure).toBeGreaterThan(0)
  for (const number of [row.value, row.ratio]) {
    // A row is 0 where its figure is no number. What is the baseline and a median difference may be below it: noise.
    if (row.goal.endsWith(' over')) expect(number, row.measure).not.toBe(0)
    else expect(number, row.measure).toBeGreaterThan(0)
  }
  expect(row.goal).toMatch(/^(<=|>=) \d|^shown only$/)
}
