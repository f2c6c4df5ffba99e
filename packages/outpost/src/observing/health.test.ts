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
  journalReserveBytes: 1_000,
  oldestUnconfirmedMs: 0,
  oldestPendingMs: 0,
  bufferAlarmSize: 1_000,
  main: { isConnected: true, silentMs: 300, isAsked: true, maxSilentMs: 6_000 },
  replica: 'connected',
  replicaBehindMs: undefined,
  applier: { status: 'waiting', lastRunMs: 0, applied: 0, failed: 0 },
  stuck: [],
  alarms: [],
  pausedBy: [],
  unknownStandbys: [],
  lagSeconds: 0.2,
  mainLsn: '0/3000000',
  replicaLsn: '0/3000000',
}

describe('judgeHealth', () => {
  it('is healthy when nothing is wrong', () => {
    expect(judgeHealth(well)).toMatchObject({ status: 'healthy', problems: [], can_record: true })
  })

  const faults: [string, Partial<HealthFacts>, string][] = [
    ['P1: a journal that may lose', { site: { ...well.site, durability: 'relaxed' } }, 'durability_relaxed'],
    ['main away', { main: { ...well.main, isConnected: false, reason: 'refused' } }, 'main_unreachable'],
    ['P2: a half-open link', { main: { ...well.main, silentMs: 6_001 } }, 'main_unreachable'],
    ['replica away', { replica: 'unreachable' }, 'replica_unreachable'],
    ['replica diverged', { replica: 'diverged' }, 'replica_diverged'],
    ['N15: a replica that has not met this main', { replicaBehindMs: 2_001 }, 'replica_behind'],
    ['N11: a stuck transaction', { stuck: [7] }, 'stuck'],
    [
      'N2: a fenced epoch',
      { alarms: [{ code: 'epoch_fenced', message: 'fenced', hint: 'look', ageMs: 60_000 }] },
      'epoch_fenced',
    ],
    ['a dead letter', { journal: { ...well.journal, counts: { ...noCounts, rejected: 1 } } }, 'dead_letters'],
    [
      'a long backlog',
      { journal: { ...well.journal, counts: { ...noCounts, buffered: 1_001 } } },
      'buffer_large',
    ],
    ['N9: a site that is waited for', { pausedBy: ['institute'] }, 'attempts_paused'],
    [
      'N13: a standby that main does not know',
      { unknownStandbys: [{ name: 'bonn', why: 'absent' }] },
      'standby_unknown',
    ],
    [
      'N13: a standby whose position is hidden',
      { unknownStandbys: [{ name: 'bonn', why: 'hidden' }] },
      'standby_hidden',
    ],
    ['lag', { lagSeconds: 301 }, 'replica_lags'],
    ['P11: a filling journal', { journal: { ...well.journal, bytes: 7_201 } }, 'journal_filling'],
    ['P11: a replica that is gone for days', { oldestUnconfirmedMs: 25 * 3_600_000 }, 'unconfirmed'],
    ['an effect that fails', { effects: { failure: 'EACCES', failingMs: 5_000 } }, 'effects'],
    ['P11: only the reserve is left', { journal: { ...well.journal, bytes: 9_000 } }, 'journal_reserve'],
    ['P11: a filling disk', { diskRoomBytes: 60 * 2 ** 20 }, 'journal_filling'],
  ]
  it.each(faults)('is degraded but records with %s, and says what to do', (_, change, code) => {
    const health = judgeHealth({ ...well, ...change })
    expect(health).toMatchObject({ status: 'degraded', can_record: true, problems: [{ code }] })
    expect(health.problems[0]?.hint).not.toBe('')
  })

  it('sends reads to main only while that answers', () => {
    const hintOf = (facts: HealthFacts) =>
      judgeHealth(facts).problems.find(({ code }) => code === 'replica_unreachable')?.hint
    expect(hintOf({ ...well, replica: 'unreachable' })).toContain('go to main')
    const alone = { ...well, replica: 'unreachable', main: { ...well.main, isConnected: false } } as const
    expect(hintOf(alone)).toContain('wait for the replica or main')
  })

  it('says why a replica refuses the site, and what to do about that', () => {
    const replicaRefusal = {
      reason: 'it refuses the password (SQLSTATE 28P01)',
      hint: 'Look at pg_hba.conf.',
    }
    const { problems } = judgeHealth({ ...well, replica: 'unreachable', replicaRefusal })
    expect(problems).toMatchObject([
      {
        code: 'replica_unreachable',
        message: 'The local replica does not answer: it refuses the password (SQLSTATE 28P01).',
        hint: 'Reads go to main meanwhile. Look at pg_hba.conf.',
      },
    ])
  })

  it('says of the stuck ones what main said of the first', () => {
    const { problems } = judgeHealth({
      ...well,
      stuck: [7, 9],
      stuckReason: 'permission denied for table file',
    })
    expect(problems[0]?.message).toMatch(/^2 transactions .* \(seq 7, 9\): permission denied for table file$/)
  })

  it('shows the age of the last proof of contact, also before it is too old', () => {
    expect(judgeHealth(well)).toMatchObject({ database: 'connected', main_contact_age_seconds: 0.3 })
    const silent = judgeHealth({ ...well, main: { ...well.main, silentMs: 8_012.345 } })
    expect(silent).toMatchObject({ database: 'unreachable', main_contact_age_seconds: 8 })
    expect(silent.problems[0]?.message).toContain('nothing has come for 8 s')
    const never = judgeHealth({ ...well, main: { ...well.main, isConnected: false, silentMs: undefined } })
    expect(never.main_contact_age_seconds).toBeNull()
  })

  it('does not take for silence that main is not asked', () => {
    const unasked = { ...well.main, isAsked: false, silentMs: 60_000 }
    const stopped = { code: 'rejections', message: 'ten alike', hint: 'mend' }
    const health = judgeHealth({
      ...well,
      main: unasked,
      applier: { ...well.applier, status: 'stopped', stopped },
    })
    expect(health).toMatchObject({ database: 'connected', main_contact_age_seconds: 60, problems: [stopped] })
    const away = judgeHealth({ ...well, main: { ...unasked, isConnected: false } })
    expect(away).toMatchObject({ database: 'unreachable', problems: [{ code: 'main_unreachable' }] })
  })

  it('names what stopped the applier once, and says how long ago an alarm was', () => {
    const stopped = { code: 'configuration', message: 'refused', hint: 'grant' }
    const alarms = [
      { ...stopped, ageMs: 1_000 },
      { code: 'digest_differs', message: 'differs', hint: 'compare', ageMs: 90_000 },
    ]
    const { problems } = judgeHealth({
      ...well,
      applier: { ...well.applier, status: 'stopped', stopped },
      alarms,
    })
    expect(problems).toEqual([
      stopped,
      { code: 'digest_differs', message: 'differs (90 s ago)', hint: 'compare' },
    ])
  })

  it('P1: is unhealthy once the journal failed', () => {
    expect(judgeHealth({ ...well, journalFailure: 'EIO' })).toMatchObject({
      status: 'unhealthy',
      can_record: false,
    })
  })
  it('a journal out of reach is no failed one: what helps is Redis', () => {
    const health = judgeHealth({ ...well, journalAway: 'Redis does not answer', redis: 'unreachable' })
    expect(health).toMatchObject({
      status: 'unhealthy',
      can_record: false,
      redis: 'unreachable',
      problems: [{ code: 'journal_unavailable' }],
    })
  })
  it('P11: a full journal is not a failed one: what helps is room', () => {
    const health = judgeHealth({
      ...well,
      journal: { ...well.journal, bytes: 10_001 },
      journalFull: 'The journal holds 10001 bytes and its limit is 10000',
    })
    expect(health).toMatchObject({ status: 'unhealthy', can_record: false })
    expect(health.problems.map(({ code, hint }) => [code, /room/.test(hint)])).toEqual([
      ['journal_full', true],
    ])
  })
})
