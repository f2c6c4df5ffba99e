import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

/** Where every problem of health and every alarm of the applier is written down. */
const sources = [
  'packages/outpost/src/observing/health-problems.ts',
  'packages/outpost/src/applier/applier-alarms.ts',
  'packages/outpost/src/applier/journal-alarm.ts',
  'packages/ops-db-api/src/recording/check-failures.ts',
]

describe('the guide "When things break"', () => {
  const guide = textOf('docs/guides/when-things-break.md')
  const rows = [...guide.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| \[.*?\]\(#([\w-]+)\) \|$/gm)]

  it('P11: has a line for every alarm', () => {
    const alarms = sources.flatMap((path) =>
      [...textOf(path).matchAll(/\bcode: '(\w+)'/g)].map(([, code]) => code),
    )
    expect(alarms.length).toBeGreaterThan(15)
    const named = rows.flatMap(([, codes = '']) => [...codes.matchAll(/\w+/g)].map(([code]) => code))
    expect(alarms.filter((code) => !named.includes(String(code)))).toEqual([])
  })

  it('leads from each line to a section that there is', () => {
    const sections = new Map(
      guide.split(/^## /m).map((section) => {
        const [title = ''] = section.split('\n', 1)
        return [
          title
            .toLowerCase()
            .replace(/[^\w -]/g, '')
            .replaceAll(' ', '-'),
          section,
        ] as const
      }),
    )
    for (const [, , anchor = ''] of rows) expect([...sections.keys()]).toContain(anchor)
  })
})
