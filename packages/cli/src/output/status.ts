import type { BufferStatistics, Health } from 'outpost'
import { formatDuration, formatTime } from './quantity.ts'
import { renderFacts } from './table.ts'

/** What `outpost status` knows of a site; also its `--json`. */
export interface SiteStatus {
  readonly url: string
  readonly health: Health
  /** Null where the site asks for a token that was not given. */
  readonly buffer: BufferStatistics | null
}

/** Exit code of `outpost status`: 0 healthy, 1 degraded or unhealthy. */
export function statusExitCode(health: Pick<Health, 'status'>): number {
  return health.status === 'healthy' ? 0 : 1
}

/** The status as a person reads it: facts, then what is wrong and what to do about it. */
export function renderStatus(status: SiteStatus): string {
  const { health, buffer } = status
  const facts = renderFacts([
    ['site', `${health.site.name} (${health.site.type}) at ${status.url}`],
    ['status', `${health.status}, ${health.can_record ? 'records' : 'cannot record'}`],
    ['main', describeMain(health)],
    ['replica', describeReplica(health)],
    ['journal', describeJournal(health, buffer)],
    ['buffer', describeBuffer(health)],
    ['processor', describeProcessor(health)],
    ...(buffer ? ([['rate', describeRate(buffer)]] as const) : []),
  ])
  return `${facts}${health.problems.map(renderHealthProblem).join('')}`
}

function renderHealthProblem(problem: Health['problems'][number]): string {
  return `\n${problem.code}: ${problem.message}\n  ${problem.hint}\n`
}

function describeMain({ database, main_contact_age_seconds: age }: Health): string {
  return age === null
    ? `${database}, has not answered yet`
    : `${database}, answered ${formatDuration(age * 1000)} ago`
}

function describeReplica({ replica, replication_lag: lag }: Health): string {
  if (replica === 'unused') return 'unused: this site reads on main'
  const seconds = lag.current_lag_seconds
  return `${replica}, lag ${seconds === null ? 'unknown' : formatDuration(seconds * 1000)}`
}

function describeJournal({ site }: Health, buffer: BufferStatistics | null): string {
  const size = buffer ? `, ${buffer.buffer_size_mb.toFixed(1)} MB` : ''
  const beside = site.fallback?.isInUse ? ', the fallback of Redis' : ''
  return `${site.journal}${beside}, durability ${site.durability}, epoch ${site.epoch}${size}`
}

function describeBuffer({ transaction_buffer: buffer }: Health): string {
  const age = buffer.size > 0 ? `, oldest ${formatDuration(buffer.oldest_pending_seconds * 1000)} old` : ''
  return `${buffer.size} pending${age}, ${buffer.failed} rejected`
}

function describeProcessor({ background_processor: processor }: Health): string {
  const last = processor.last_run === null ? 'has not run yet' : `last ran ${formatTime(processor.last_run)}`
  return `${processor.status}, ${last}, ${processor.transactions_processed} transactions`
}

function describeRate(buffer: BufferStatistics): string {
  return `${buffer.processing_rate.toFixed(1)} transactions/s over the last minute, ${buffer.average_execution_time_ms.toFixed(1)} ms each`
}
