import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { judgeHealth } from '../observing/health.ts'
import type { Health } from './site-api.ts'
import type { SiteEngine } from './site-engine.ts'
import type { SiteParts } from './site-parts.ts'

/** Gathers what is known of a site at this moment and judges it. Never waits longer than one look at its replica. */
export async function healthReport(parts: SiteParts, engine: SiteEngine): Promise<Health> {
  const { journal, settings, replica, clock } = parts
  const { facts, applier, applierState } = engine
  const { sharing } = journal
  // What others have recorded counts, too; a store that is away is said below.
  await journal.catchUp().catch(() => undefined)
  const lag = await engine.lag.now()
  const refusal = journal.appendRefusal?.()
  const isFull = refusal?.code === 'journal_full'
  const isAway = refusal?.code === 'journal_unavailable'
  return judgeHealth({
    site: {
      name: settings.name,
      type: settings.type,
      epoch: journal.epoch,
      journal: sharing && !sharing.fallback?.isInUse ? 'redis' : 'lmdb',
      durability: journal.durability,
      ...(sharing && { leads: sharing.isLeading }),
      ...(sharing?.fallback && { fallback: sharing.fallback }),
    },
    journal: journal.statistics(),
    redis: redisState(journal),
    journalAway: isAway ? refusal.message : undefined,
    journalFailure: facts.journalFailure ?? (isFull || isAway ? undefined : refusal?.message),
    journalFull: isFull ? refusal.message : undefined,
    journalMaxBytes: settings.journalMaxBytes,
    journalReserveBytes: settings.journalReserveBytes,
    diskRoomBytes: journal.diskRoomBytes?.(),
    oldestPendingMs: isAway ? 0 : await oldestPendingMs(journal, clock),
    oldestUnconfirmedMs: oldestUnconfirmedMs(journal, clock),
    bufferAlarmSize: settings.bufferAlarmSize,
    main: facts.main(applierState),
    replica: replica ? facts.replica : 'unused',
    replicaRefusal: parts.watch.refusal,
    replicaBehindMs: replica && facts.replicaBehindMs,
    applier: facts.applier(applierState),
    stuck: applier.stuck,
    stuckReason: applier.stuck
      .map((seq) => journal.status(seq).message)
      .find((message) => message !== undefined),
    effects: effectsFailing(engine, clock),
    alarms: facts.alarms,
    pausedBy: applier.pausedBy,
    unknownStandbys: engine.standbys.unknown,
    keyShortages: engine.keys.shortages,
    lagSeconds: lag.seconds,
    mainLsn: settings.lsnTracking ? facts.mainLsn : undefined,
    replicaLsn: lag.replicaLsn,
  })
}

function effectsFailing({ effects }: SiteEngine, clock: Clock) {
  const { failure, failingSinceMs = 0 } = effects?.state ?? {}
  return failure === undefined ? undefined : { failure, failingMs: clock.monotonicMs() - failingSinceMs }
}

function oldestUnconfirmedMs(journal: Journal, clock: Clock): number {
  const [oldest] = journal.seqsIn('applied', { limit: 1 })
  const appliedAtMs = oldest === undefined ? undefined : journal.status(oldest).appliedAtMs
  return appliedAtMs === undefined ? 0 : Math.max(0, clock.nowMs() - appliedAtMs)
}

function redisState({ sharing }: Journal): Health['redis'] {
  if (sharing === undefined) return 'unused'
  return sharing.isConnected ? 'connected' : 'unreachable'
}

async function oldestPendingMs(journal: Journal, clock: Clock): Promise<number> {
  const seqs = [...journal.seqsIn('buffered', { limit: 1 }), ...journal.seqsIn('parked', { limit: 1 })]
  if (seqs.length === 0) return 0
  const [oldest] = await journal.getMany([Math.min(...seqs)])
  return oldest ? Math.max(0, clock.nowMs() - oldest.bufferedAtMs) : 0
}
