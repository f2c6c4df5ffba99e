import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { run } from './run.ts'

const root = join(import.meta.dirname, '../..')

describeEachPostgres('the guide "Getting started"', (pg) => {
  it('P1, P6: its program prints what the guide says', async () => {
    const guide = await readFile(join(root, 'docs/guides/getting-started.md'), 'utf8')
    const printed = block(guide, 'text')
    const link = await startLink()
    const cluster = await startCluster({ through: link, binaries: pg.binaries })
    const folder = await mkdtemp(join(tmpdir(), 'outpost-guide-'))
    // Below node_modules, so that it finds the packages as a file in the checkout does.
    const cache = join(root, 'node_modules/.cache')
    await mkdir(cache, { recursive: true })
    const program = join(cache, `first-site-${process.pid}.mjs`)
    try {
      await cluster.primary.query('CREATE DATABASE ops_db')
      await prepare(cluster.primary.connectionString('ops_db'))
      await untilCaughtUp(cluster.standby, cluster.primary)
      await writeFile(program, block(guide, 'js'))
      const environment = {
        MAIN_PORT: String(cluster.upstream.port),
        REPLICA_PORT: String(cluster.standby.port),
        JOURNAL_PATH: join(folder, 'journal'),
      }
      const node = ['--conditions=@outpost/source', '--import', 'tsx', program]
      const ran = await run(process.execPath, node, root, environment)
      expect(ran).toEqual({ code: 0, stdout: printed, stderr: '' })
    } finally {
      await rm(program, { force: true })
      await cluster.stop()
      await link.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

async function prepare(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await migrate(client, [outpostMigrations, opsDbMigrations])
  await seedReferenceData(client)
  await client.end()
}

/** The first fenced block of this language. */
function block(text: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1]
  if (found === undefined) throw new Error(`The guide has no block of ${language}.`)
  return found
}
