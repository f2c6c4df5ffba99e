import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { MemoryJournal } from '../overlay/property/memory-journal.spec-suite.ts'
import { MergedReads } from './merged-reads.ts'
import { NodePool } from './node-pool.ts'

describeEachPostgres('merged reads of tables that change', (pg) => {
  const server = useServer(pg)
  let main: NodePool

  beforeEach(() => {
    const config = { connectionString: server().connectionString() }
    main = new NodePool({ name: 'main', config, clock: systemClock })
  })
  afterEach(() => main.stop())

  it('P6: a statement is made anew once, and not for as long as the definitions change', async () => {
    let version = 0
    const made: string[] = []
    const reads = new MergedReads({
      siteName: 'observatory',
      journal: Object.assign(new MemoryJournal(), { catchUp: async () => undefined }),
      overlay: {
        floor: undefined,
        query: async (node, text) => {
          made.push(text)
          await node.query({ text, values: [] })
          return { rows: [], fields: [], carriedRows: 0 }
        },
      },
      main,
      replica: undefined,
      standby: undefined,
      lineage: () => undefined,
      putBack: async () => undefined,
      // Every look finds newer definitions, up to a limit that ends the test.
      repair: {
        get version() {
          return String(version)
        },
        isOutdated: async () => ++version < 20,
      },
      onUncovered: () => undefined,
    })
    const read = reads.read('SELECT FROM nowhere', [], { timeoutMs: 5_000 })
    await expect(read).rejects.toMatchObject({ code: '42P01' })
    expect(made).toHaveLength(2)
  })
})
