import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runRecorded } from './recorded-run.spec-suite.ts'

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
  const { code, stdout, stderr } = await runRecorded(['status'], {
    OUTPOST_URL: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
    OUTPOST_TOKEN: 'of yesterday',
  })
  expect(code).toBe(1)
  expect(stdout).toContain('degraded, records')
  expect(stderr).toBe('note: figures are left out: The API token is not known.\n')
})
