import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import type { BufferStatistics, Health, Site, TransactionView } from '../site/site-api.ts'
import { transactionStates } from '../transaction/state.ts'
import { type OutpostPluginOptions, outpostPlugin } from './outpost-plugin.ts'
import { transactionDocument } from './transaction-document.ts'

const health = {
  status: 'degraded',
  database: 'unreachable',
  main_contact_age_seconds: null,
  redis: 'unused',
  replica: 'connected',
  can_record: true,
  transaction_buffer: { size: 3, failed: 1, oldest_pending_seconds: 0.25 },
  background_processor: {
    status: 'waiting',
    last_run: null,
    transactions_processed: 9,
    success_rate: 0.9,
  },
  replication_lag: { current_lag_seconds: null, main_lsn: '0/1A', replica_lsn: null },
  site: {
    name: 'observatory',
    type: 'secondary',
    epoch: '00000000-0000-4000-8000-000000000001',
    journal: 'lmdb',
    durability: 'full',
  },
  problems: [{ code: 'main_unreachable', message: 'Main is out of reach: "silence"', hint: 'Wait.' }],
  added_later: { to: ['health'] },
} as unknown as Health

const statistics: BufferStatistics = {
  pending_transactions: 3,
  failed_transactions: 1,
  processing_rate: 0.5,
  average_execution_time_ms: 1.25,
  buffer_size_mb: 0.001,
  states: Object.fromEntries(
    transactionStates.map((state, index) => [state, index]),
  ) as BufferStatistics['states'],
  last_batch: { transactions: 2, bytes: 700, duration_ms: 0.75 },
}

const record: TransactionView['record'] = {
  id: '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4',
  epoch: health.site.epoch,
  seq: 7,
  bufferedAtMs: 1_776_290_400_123,
  operations: [{ kind: 'insert', table: 'public.unit', row: { id: '1', note: null } }],
  flags: ['shape_only'],
  dependsOn: [5, 6],
  actor: 'telescope',
} as unknown as TransactionView['record']

const views: readonly TransactionView[] = [
  { record, status: { state: 'buffered' } },
  { record, status: { state: 'parked', parkedBy: [5] } },
  { record, status: { state: 'parked', parkedBy: 'stuck' } },
  {
    record,
    status: { state: 'rejected', sqlstate: '23505', constraint: 'unit_pkey', message: 'duplicate key' },
  },
  {
    record,
    status: {
      state: 'replicated',
      appliedAtMs: 1_776_290_401_000,
      replicatedAtMs: 1_776_290_402_000,
      attempts: 2,
      redriven: 1,
    },
  },
] as unknown as readonly TransactionView[]

function siteAnswering(change: Partial<Record<keyof Site, unknown>>): Site {
  return { name: 'observatory', ...change } as unknown as Site
}

async function answerOf(
  site: Site,
  url: string,
  method: 'GET' | 'POST' = 'GET',
  options: Partial<OutpostPluginOptions> = {},
) {
  const app = Fastify()
  await app.register(outpostPlugin, { site, ...options })
  try {
    const { statusCode, body } = await app.inject({ method, url })
    return { status: statusCode, body: JSON.parse(body) }
  } finally {
    await app.close()
  }
}

describe("the plugin's answers, through the serializer that fastify makes of their schemas", () => {
  it('P11: health and readiness are whole', async () => {
    const site = siteAnswering({ health: () => Promise.resolve(health) })
    expect(await answerOf(site, '/health')).toEqual({ status: 200, body: health })
    expect(await answerOf(site, '/health/ready')).toEqual({
      status: 200,
      body: { ready: true, problems: [] },
    })
    const broken = { ...health, can_record: false }
    expect(await answerOf(siteAnswering({ health: () => Promise.resolve(broken) }), '/health/ready')).toEqual(
      {
        status: 503,
        body: { ready: false, problems: health.problems },
      },
    )
  })

  it("P11: health has the host's problems behind the site's own, and a healthy site is degraded by them", async () => {
    const problem = { code: 'checks_failing', message: 'Checks fail.', hint: 'Look.' }
    const healthOf = async (own: Health) => {
      const site = siteAnswering({ health: () => Promise.resolve(own) })
      const { body } = await answerOf(site, '/health', 'GET', { problems: () => [problem] })
      return { status: body.status, codes: body.problems.map(({ code }: typeof problem) => code) }
    }
    expect(await healthOf(health)).toEqual({
      status: 'degraded',
      codes: ['main_unreachable', 'checks_failing'],
    })
    const well = { ...health, status: 'healthy', problems: [] } as Health
    expect(await healthOf(well)).toEqual({ status: 'degraded', codes: ['checks_failing'] })
    expect(await healthOf({ ...well, status: 'unhealthy' })).toMatchObject({ status: 'unhealthy' })
  })

  it.each([[statistics], [{ ...statistics, last_batch: null }]])(
    'P11: statistics are whole',
    async (expected) => {
      const site = siteAnswering({ bufferStatistics: () => expected })
      expect(await answerOf(site, '/buffer-stats')).toEqual({ status: 200, body: expected })
    },
  )

  it('P12: every state of a transaction is whole', async () => {
    const site = siteAnswering({
      transactions: () => Promise.resolve(views),
      transactionById: () => Promise.resolve(views[3]),
      deadLetters: {
        cone: () => Promise.resolve({ count: 1, first: [{ seq: 9, id: 'waiting', state: 'parked' }] }),
      },
      conflicts: () => Promise.reject(new Error('nobody answers')),
    })
    const list = await answerOf(site, '/transactions?limit=5')
    expect(list.body.next_after).toBe(7)
    expect(list.body.items.map((item: Record<string, unknown>) => item.parked_by)).toEqual([
      null,
      [5],
      'stuck',
      null,
      null,
    ])
    expect(list.body.items).toEqual(views.map(transactionDocument))
    const one = await answerOf(site, `/transactions/${record.id}`)
    expect(one.body).toEqual({
      ...list.body.items[3],
      site: 'observatory',
      operations: record.operations,
      cone: { count: 1, first: [{ seq: 9, id: 'waiting', state: 'parked' }] },
      conflicts: { answered: false, reason: 'nobody answers' },
      main: null,
    })
    expect(one.body.rejection).toEqual({
      code: null,
      sqlstate: '23505',
      constraint: 'unit_pkey',
      message: 'duplicate key',
      detail: null,
    })
  })

  it('what only a person decides says what was decided', async () => {
    const site = siteAnswering({
      acceptMain: () => Promise.resolve(),
      releaseAttempts: () => Promise.resolve(),
      resumeApplying: () => Promise.resolve(),
    })
    expect(await answerOf(site, '/site/accept-main', 'POST')).toEqual({
      status: 202,
      body: { site: 'observatory', accepts_main: true },
    })
    expect(await answerOf(site, '/site/release-attempts', 'POST')).toEqual({
      status: 200,
      body: { site: 'observatory', attempts_released: true },
    })
    expect(await answerOf(site, '/site/resume', 'POST')).toEqual({
      status: 202,
      body: { site: 'observatory', resumes_applying: true },
    })
  })
})
