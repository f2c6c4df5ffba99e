import { OutpostError } from '../errors/outpost-error.ts'
import { tlsProblems } from '../postgres/tls.ts'
import type { SiteOptions } from './site-api.ts'

/** A site's options with every default filled in; checked as a whole before anything is opened. */
export type SiteSettings = Readonly<
  Required<Omit<SiteOptions, OptionalName>> & Pick<SiteOptions, OptionalName>
>

/** What stays undefined when it is not given. */
type OptionalName =
  | 'local'
  | 'journalMaxBytes'
  | 'journalRetentionBytes'
  | 'promotableStandbys'
  | 'onApplied'
  | 'preflight'
  | 'redis'

const dayMs = 86_400_000

const defaults = {
  journalReserveBytes: 0,
  journalRetentionMs: 7 * dayMs,
  journalDurability: 'full',
  journalFallback: 'none',
  bufferAlarmSize: 1_000,
  retryAttempts: 3,
  retryDelayMs: 5_000,
  idleIntervalMs: 1_000,
  applierCalls: 'auto',
  lsnTracking: true,
  lsnCheckIntervalMs: 100,
  lsnTimeoutMs: 30_000,
  schemas: ['public'],
} as const

/** Error: `config_invalid` naming every problem at once. */
export function siteSettings(options: SiteOptions): SiteSettings {
  const problems = findProblems(options)
  if (problems.length > 0) {
    throw new OutpostError('config_invalid', `The site cannot be opened: ${problems.join('; ')}.`, {
      details: { problems },
    })
  }
  const { journalMaxBytes } = options
  return Object.freeze({
    ...defaults,
    ...(journalMaxBytes !== undefined && sharesOf(journalMaxBytes)),
    ...options,
  })
}

/** How the room of a bounded journal is shared out, unless it is said otherwise. */
function sharesOf(maxBytes: number) {
  return { journalReserveBytes: Math.floor(maxBytes / 5), journalRetentionBytes: Math.floor(maxBytes / 2) }
}

/**
 * Between two looks for applied transactions in the replica's ledger. The look costs what a look at the position
 * would, so it is the ledger itself that is followed closely, or not.
 */
export function confirmIntervalMs(
  settings: Pick<SiteSettings, 'lsnTracking' | 'lsnCheckIntervalMs' | 'idleIntervalMs'>,
): number {
  return settings.lsnTracking ? settings.lsnCheckIntervalMs : settings.idleIntervalMs
}

function findProblems(options: SiteOptions): string[] {
  const problems: string[] = []
  if (!/^[A-Za-z0-9_.-]{1,63}$/.test(options.name))
    problems.push('name must be 1 to 63 letters, digits, ".", "_" or "-"')
  if (options.secretKey.length < 16) problems.push('secretKey must have at least 16 characters')
  if (options.journalPath === '') problems.push('journalPath must name a folder')
  if (options.type === 'secondary' && !options.local)
    problems.push('a secondary site needs its replica (local)')
  if (options.journalFallback === 'lmdb' && !options.redis)
    problems.push('journalFallback is for a journal in Redis: give redis, or leave it out')
  for (const name of ['main', 'local'] as const) {
    problems.push(...tlsProblems(options[name] ?? {}, (member) => `${name}.${member}`))
  }
  const sizes = [
    'journalReserveBytes',
    'journalRetentionBytes',
    'journalRetentionMs',
    'retryAttempts',
    'retryDelayMs',
    'idleIntervalMs',
    'lsnCheckIntervalMs',
    'lsnTimeoutMs',
  ] as const
  for (const name of sizes) {
    const value = options[name]
    if (value !== undefined && !(Number.isFinite(value) && value >= 0))
      problems.push(`${name} must be 0 or more`)
  }
  const { journalMaxBytes, journalReserveBytes = 0 } = options
  if (journalReserveBytes > 0 && !(journalReserveBytes < (journalMaxBytes ?? 0)))
    problems.push('journalReserveBytes must be less than journalMaxBytes')
  return problems
}
