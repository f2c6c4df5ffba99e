import { type HealthFacts, isInContact, type Problem, type UnknownStandby } from './health.ts'

const maxLagSeconds = 300
/** A replica gets the row of a new lineage within a moment. */
const maxBehindMs = 2_000
/** Of a full journal: time to act is left. */
export const fillingShare = 0.8
/** Of the journal's disk: days of observing for what is written there, hours for what else fills it. */
const littleDiskBytes = 64 * 2 ** 20
const shownSeqs = 5
const hourMs = 3_600_000
export const maxUnconfirmedMs = 24 * hourMs

/** What is wrong with a site, each with what to do; empty when it is healthy. Pure. */
export function findProblems(facts: HealthFacts): Problem[] {
  return [
    ...journalProblems(facts),
    ...mainProblems(facts),
    ...replicaProblems(facts),
    ...standbyProblems(facts),
    ...transactionProblems(facts),
    ...keyProblems(facts),
    ...effectProblems(facts),
    ...alarmProblems(facts),
  ]
}

function journalProblems(facts: HealthFacts): Problem[] {
  const {
    journal,
    journalFailure,
    journalFull,
    journalAway,
    journalMaxBytes,
    journalReserveBytes,
    diskRoomBytes,
  } = facts
  const problems: Problem[] = []
  if (facts.site.durability === 'relaxed') {
    problems.push({
      code: 'durability_relaxed',
      message:
        'Redis syncs once a second: what was acknowledged in the last two seconds before it crashes is lost.',
      hint: 'Put `appendfsync always` into redis.conf, restart Redis, and leave JOURNAL_DURABILITY out.',
    })
  }
  problems.push(...fallbackProblems(facts))
  if (journalAway !== undefined) {
    problems.push({
      code: 'journal_unavailable',
      message: `Nothing can be recorded: ${journalAway}`,
      hint: 'Start Redis, or bring it within reach: recording goes on by itself, and nothing acknowledged is lost.',
    })
  }
  if (journalFailure !== undefined) {
    problems.push({
      code: 'journal_failed',
      message: `The journal takes no writes: ${journalFailure}`,
      hint: 'Check the disk, then restart the site.',
    })
  }
  if (journalFull !== undefined) {
    problems.push({
      code: 'journal_full',
      message: `Nothing can be recorded: ${journalFull}`,
      hint: 'Make room on the disk, or raise JOURNAL_MAX_BYTES and restart. What main has is dropped only after JOURNAL_RETENTION, and once every one of PROMOTABLE_STANDBYS has it.',
    })
  } else if (journalMaxBytes !== undefined && journal.bytes >= journalMaxBytes - journalReserveBytes) {
    problems.push({
      code: 'journal_reserve',
      message: `The journal is ${Math.round((journal.bytes / journalMaxBytes) * 100)} % full: only critical writes are recorded.`,
      hint: 'Restore the link, or raise JOURNAL_MAX_BYTES and restart, before the reserve is used up too.',
    })
  } else if (
    journalMaxBytes !== undefined &&
    journal.bytes > (journalMaxBytes - journalReserveBytes) * fillingShare
  ) {
    problems.push({
      code: 'journal_filling',
      message: `The journal is ${Math.round((journal.bytes / journalMaxBytes) * 100)} % full.`,
      hint: 'Restore the link or raise JOURNAL_MAX_BYTES before it is full.',
    })
  } else if (diskRoomBytes !== undefined && diskRoomBytes < littleDiskBytes) {
    problems.push({
      code: 'journal_filling',
      message: `The disk of the journal has ${Math.round(diskRoomBytes / 2 ** 20)} MiB left for it.`,
      hint: 'Make room on the disk before it is full.',
    })
  }
  return problems
}

function fallbackProblems({ site: { fallback } }: HealthFacts): Problem[] {
  if (fallback === undefined || !(fallback.isInUse || fallback.trouble !== undefined)) return []
  const { isInUse, sinceMs, reason, recorded, folder, trouble } = fallback
  const back = trouble === undefined ? '' : ` It cannot go back yet: ${trouble}.`
  if (!isInUse) {
    return [
      {
        code: 'journal_fallback_broken',
        message: `The copy of the journal in ${folder} cannot be written: ${trouble}.`,
        hint: 'Make room on its disk: nothing is acknowledged without it.',
      },
    ]
  }
  return [
    {
      code: 'journal_fallback',
      message: `Since ${new Date(sinceMs).toISOString()} what is recorded goes to ${folder} (${recorded} transactions), because of Redis: ${reason}.${back}`,
      hint: 'Everything acknowledged is on this disk, and is drained as before. Start Redis, or bring it within reach of every process of the site: the journal returns to it by itself.',
    },
  ]
}

function mainProblems({ main, pausedBy }: HealthFacts): Problem[] {
  const problems: Problem[] = []
  if (!isInContact(main)) {
    problems.push({
      code: 'main_unreachable',
      message: `Main is out of reach: ${silence(main)}`,
      hint: 'Recording goes on. Check the link when it lasts.',
    })
  }
  if (pausedBy.length > 0) {
    problems.push({
      code: 'attempts_paused',
      message: `Main was replaced; what refers to missing rows waits for ${pausedBy.join(', ')}.`,
      hint: 'Bring these sites back, or run `outpost site release-attempts` when they will not come.',
    })
  }
  return problems
}

function silence({ isConnected, reason, silentMs }: HealthFacts['main']): string {
  const age = silentMs === undefined ? '' : `; it answered ${seconds(silentMs)} ago`
  if (!isConnected) return `${(reason ?? 'no answer').replace(/\.$/, '')}${age}`
  return `the connection stands, but nothing has come for ${seconds(silentMs ?? 0)}`
}

function replicaProblems({
  main,
  replica,
  replicaRefusal,
  replicaBehindMs,
  lagSeconds,
}: HealthFacts): Problem[] {
  const problems: Problem[] = []
  if (replica === 'unreachable') {
    problems.push({
      code: 'replica_unreachable',
      message: `The local replica does not answer${replicaRefusal ? `: ${replicaRefusal.reason}` : ''}.`,
      hint: `${
        isInContact(main)
          ? 'Reads go to main meanwhile.'
          : 'Rows recorded here can be read by id; lists wait for the replica or main.'
      } ${replicaRefusal?.hint ?? 'Start the replica.'}`,
    })
  }
  if (replica === 'diverged') {
    problems.push({
      code: 'replica_diverged',
      message: 'The local replica does not follow main.',
      hint: 'Rebuild it from main when it does not catch up.',
    })
  }
  if (replicaBehindMs !== undefined && replicaBehindMs > maxBehindMs) {
    problems.push({
      code: 'replica_behind',
      message: `The local replica has not met the present main for ${seconds(replicaBehindMs)}: it confirms nothing.`,
      hint: 'Check that its WAL stream comes from this main; reads go to main meanwhile.',
    })
  }
  if (lagSeconds !== undefined && lagSeconds > maxLagSeconds) {
    problems.push({
      code: 'replica_lags',
      message: `The replica is ${Math.round(lagSeconds)} s behind.`,
      hint: 'Check the WAL stream and the replica.',
    })
  }
  return problems
}

function standbyProblems({ unknownStandbys }: HealthFacts): Problem[] {
  const named = (why: UnknownStandby['why']) =>
    unknownStandbys.filter((standby) => standby.why === why).map(({ name }) => name)
  const [absent, hidden] = [named('absent'), named('hidden')]
  const problems: Problem[] = []
  if (absent.length > 0) {
    problems.push({
      code: 'standby_unknown',
      message: `Main has no standby ${absent.join(', ')}, which PROMOTABLE_STANDBYS names: the journal keeps everything.`,
      hint: 'Start it, give it that application_name in its primary_conninfo, or take it out of PROMOTABLE_STANDBYS (one that has become main too) and restart. Main names those it has: `SELECT application_name FROM pg_stat_replication`.',
    })
  }
  if (hidden.length > 0) {
    problems.push({
      code: 'standby_hidden',
      message: `Main does not tell this site how far ${hidden.join(', ')} is (PROMOTABLE_STANDBYS): the journal keeps everything.`,
      hint: 'Run `GRANT pg_read_all_stats TO …` on main for the role that ran `outpost migrate` (the owner of outpost.standby_positions).',
    })
  }
  return problems
}

function transactionProblems(facts: HealthFacts): Problem[] {
  const { bufferAlarmSize, stuck, stuckReason, oldestUnconfirmedMs } = facts
  const { counts } = facts.journal
  const problems: Problem[] = []
  const waiting = counts.buffered + counts.parked
  if (counts.rejected > 0) {
    problems.push({
      code: 'dead_letters',
      message: `Main rejected ${counts.rejected} transaction${counts.rejected === 1 ? '' : 's'}.`,
      hint: 'Look at them: `outpost tx list --state rejected`.',
    })
  }
  if (waiting > bufferAlarmSize) {
    problems.push({
      code: 'buffer_large',
      message: `${waiting} transactions wait for main.`,
      hint: 'They drain by themselves once main answers.',
    })
  }
  if (oldestUnconfirmedMs > maxUnconfirmedMs) {
    problems.push({
      code: 'unconfirmed',
      message: `${counts.applied} transactions are on main, and the replica of this site has not shown them for ${Math.round(oldestUnconfirmedMs / hourMs)} hours: the journal keeps them all.`,
      hint: 'Bring the replica back or rebuild it. When that will take long: `outpost tx release`.',
    })
  }
  if (stuck.length > 0) {
    const named = `${stuck.slice(0, shownSeqs).join(', ')}${stuck.length > shownSeqs ? ', …' : ''}`
    problems.push({
      code: 'stuck',
      message: `${stuck.length} transactions fail again and again for a reason that may pass (seq ${named})${stuckReason === undefined ? '.' : `: ${stuckReason}`}`,
      hint: 'They are tried again every minute; what does not depend on them goes on. Look at main for the cause: `outpost tx list --state parked`.',
    })
  }
  return problems
}

function keyProblems({ keyShortages = [] }: HealthFacts): Problem[] {
  return keyShortages.map(({ table, left, reason }) => ({
    code: 'keys_low',
    message: `${left} reserved numbers of ${table} may be used: ${reason}.`,
    hint: 'Inserts that leave the number out are refused when none is left. They are refilled while main is reached; larger blocks last longer (`outpost site reserve-keys`).',
  }))
}

function effectProblems({ effects }: HealthFacts): Problem[] {
  if (effects === undefined) return []
  return [
    {
      code: 'effects',
      message: `What is to happen when main has applied a transaction has failed for ${seconds(effects.failingMs)}: ${effects.failure}`,
      hint: 'Mend what it needs: it is tried again by itself, and the journal keeps what waits for it.',
    },
  ]
}

function alarmProblems({ applier, alarms, effects }: HealthFacts): Problem[] {
  const lately = alarms
    .filter(({ code }) => code !== applier.stopped?.code && (code !== 'effects' || effects === undefined))
    .map(({ code, message, hint, ageMs }) => ({ code, message: `${message} (${seconds(ageMs)} ago)`, hint }))
  return applier.stopped ? [applier.stopped, ...lately] : lately
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`
