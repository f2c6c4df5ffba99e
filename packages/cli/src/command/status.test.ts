import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CommandContext } from './context.ts'
import { run } from './run.ts'

const health = {
  status: 'degraded',
  database: 'unreachable',
  main_contact_age_seconds: 3,
  redis: 'unused',
  replica: 'unreachable',
  can_record: true,
  transaction_buffer: { size: 1, failed: 0, oldest_pending_seconds: 2 },
  background_processor: { status: 'waiting', last_run: null, transactions_processed: 0, success_rate: 1 },
  replication_lag: { current_lag_seconds: null, main_lsn: null, replica_lsn: null },
  site: { name: 'observatory', type: 'secondary', epoch: 'e', journal: 'lmdb', durability: 'full' },
  problems: [],
}

/** A site that knows no token, as one whose main was replaced by a server that never heard of them. */
let site: Server
beforeAll(async () => {
  site = createServer((request, response) => {
    const isPublic = request.url === '/health'
    response.writeHead(isPublic ? 200 : 401, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(isPublic ? health : { detail: 'The API token is not known.', code: 'token_unknown' }),
    )
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
})
afterAll(() => site.close())

it('shows the health also where the token is refused', async () => {
  const written = { stdout: '', stderr: '' }
  const context: CommandContext = {
    env: {
      OUTPOST_URL: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
      OUTPOST_TOKEN: 'of yesterday',
    },
    cwd: '/',
    stdout: (text) => {
      written.stdout += text
    },
    stderr: (text) => {
      written.stderr += text
    },
    isTerminal: false,
    stopSignal: () => new AbortController().signal,
    setExitCode: () => undefined,
  }
  expect(await run(['status'], context)).toBe(1)
  expect(written.stdout).toContain('degraded, records')
  expect(written.stderr).toBe('note: figures are left out: The API token is not known.\n')
})
