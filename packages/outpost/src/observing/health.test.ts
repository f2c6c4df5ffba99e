import { describe, expect, it } from 'vitest'
import { transactionStates } from '../transaction/state.ts'
import { type HealthFacts, judgeHealth } from './health.ts'

const noCounts = Object.fromEntries(
  transactionStates.map((state) => [state, 0]),
) as HealthFacts['journal']['counts']

const well: HealthFacts = {
  site: { name: 'observatory', type: 'secondary', epoch: 'e', journal: 'lmdb', durability: 'full' },
  journal: { bytes: 1_000, firstSeq: 1, lastSeq: 0, counts: noCounts },
  journalFailure: undefined,
  journalMaxBytes: 10_000,
  oldestPendingMs: 0,
  bufferAlarmSize: 1_000,
  main: { isConnected: true },
  replica: 'connected',
  applier: { status: 'waiting', lastRunMs: 0, applied: 0, failed: 0 },
  pausedBy: [],
  lagSeconds: 0.2,
  mainLsn: '0/3000000',
  replicaLsn: '0/3000000',
}

describe('judgeHealth', () => {
  it('is healthy when nothing is wrong', () => {
    expect(judgeHealth(well)).toMatchObject({ status: 'healthy', problems: [], can_record: true })
  })

  const faults: [string, Partial<HealthFacts>, string][] = [
    ['main away', { main: { isConnected: false } }, 'main_unreachable'],
    ['replica away', { replica: 'unreachable' }, 'replica_unreachable'],
    ['replica diverged', { replica: 'diverged' }, 'replica_diverged'],
    ['a dead letter', { journal: { ...well.journal, counts: { ...noCounts, rejected: 1 } } }, 'dead_letters'],
    [
      'a long backlog',
      { journal: { ...well.journal, counts: { ...noCounts, buffered: 1_001 } } },
      'buffer_large',
    ],
    ['N9: a site that is waited for', { pausedBy: ['institute'] }, 'attempts_paused'],
    ['lag', { lagSeconds: 301 }, 'replica_lags'],
    ['P11: a filling journal', { journal: { ...well.journal, bytes: 8_001 } }, 'journal_filling'],
  ]
  it.each(faults)('is degraded but records with %s, and says what to do', (_, change, code) => {
    const health = judgeHealth({ ...well, ...change })
    expect(health).toMatchObject({ status: 'degraded', can_record: true, problems: [{ code }] })
    expect(health.problems[0]?.hint).not.toBe('')
  })

  it('P1: is unhealthy once the journal failed', () => {
    expect(judgeHealth({ ...well, journalFailure: 'EIO' })).toMatchObject({
      status: 'unhealthy',
      can_record: false,
    })
  })
})
