import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rules } from './rules.ts'

const root = join(import.meta.dirname, '..', '..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The lines of a test file that hold this title. */
function titleLines(file: string, title: string): readonly string[] {
  const escaped = title.replaceAll("'", "\\'")
  return textOf(file)
    .split('\n')
    .filter((line) => line.includes(title) || line.includes(escaped))
}

describe('the table of rules', () => {
  it('has every rule N1 to N24, each guarded', () => {
    expect(rules.map(({ number }) => number)).toEqual(
      Array.from({ length: 24 }, (_, index) => `N${index + 1}`),
    )
    for (const { number, guards } of rules) expect([number, guards.length]).not.toEqual([number, 0])
  })

  const guards = rules.flatMap(({ number, guards: of }) => of.map((guard) => ({ number, ...guard })))

  it.each(guards)('$number: $ensures: stands once where the table says', ({ file, find, replace }) => {
    expect(textOf(file).split(find).length - 1).toBe(1)
    expect(replace).not.toBe(find)
  })

  it.each(guards)('$number: $ensures: has a test that names the rule', ({ number, test }) => {
    const named = new RegExp(`\\b${number}\\b`)
    const file = test.suite ?? test.file
    const lines = titleLines(file, test.title)
    // The number may stand in the title of the block around the test.
    const isNamed =
      lines.some((line) => named.test(line)) || new RegExp(`describe\\('${number}\\b`).test(textOf(file))
    expect({ titles: lines.length > 0, isNamed }).toEqual({ titles: true, isNamed: true })
  })
})
