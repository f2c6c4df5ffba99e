import { parseEnv } from 'node:util'
import { OutpostError } from 'outpost'
import { tlsProblems } from 'outpost/site'
import type { Option } from './option.ts'
import { optionTable } from './option-table.ts'
import { tlsOf } from './site-options.ts'

/** A table of options, with groups. */
interface OptionGroup {
  readonly [name: string]: Option<unknown> | OptionGroup
}

/** What an option parses to; undefined where it has neither a fallback nor must be given. */
type ValueOf<Entry> =
  Entry extends Option<infer Value>
    ? Value | undefined
    : { readonly [Name in keyof Entry]: ValueOf<Entry[Name]> }

/** All settings of the service, checked and frozen. Durations are milliseconds and say so. */
export type Configuration = ValueOf<typeof optionTable>

export interface ConfigurationSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Content of a `.env` file. */
  readonly dotenv?: string
  /** Content of `outpost.yaml`, parsed. */
  readonly yaml?: unknown
}

/**
 * Reads the settings: environment over `.env` over `outpost.yaml` over the defaults. Every problem is reported at
 * once. Error: `config_invalid`.
 */
export function loadConfiguration(sources: ConfigurationSources): Configuration {
  const problems: string[] = []
  const given = {
    ...yamlTexts(sources.yaml, problems),
    ...dotenvTexts(sources.dotenv, problems),
    ...present(sources.env),
  }
  const configuration = readGroup(optionTable, given, problems) as Configuration
  problems.push(...acrossOptions(configuration))
  if (problems.length > 0) {
    throw new OutpostError(
      'config_invalid',
      `The configuration has ${problems.length} problem(s): ${problems.join('; ')}.`,
      {
        details: { problems },
      },
    )
  }
  return configuration
}

/** Every option of the table, in order. */
export function allOptions(group: OptionGroup = optionTable): readonly Option<unknown>[] {
  return Object.values(group).flatMap((entry) => (isOption(entry) ? [entry] : allOptions(entry)))
}

/** The settings in effect, by environment variable, as they would be written; secrets are masked. */
export function describeConfiguration(sources: ConfigurationSources): Readonly<Record<string, string>> {
  const given = { ...yamlTexts(sources.yaml, []), ...parseEnv(sources.dotenv ?? ''), ...present(sources.env) }
  const shown = allOptions().flatMap((option) => {
    const text = given[option.name] ?? option.fallback
    return text === undefined ? [] : [[option.name, option.isSecret ? '********' : text] as const]
  })
  return Object.fromEntries(shown)
}

function readGroup(
  group: OptionGroup,
  given: Readonly<Record<string, string | undefined>>,
  problems: string[],
): unknown {
  const entries = Object.entries(group).map(([name, entry]) => {
    const value = isOption(entry)
      ? readOption(entry, given[entry.name], problems)
      : readGroup(entry, given, problems)
    return [name, value] as const
  })
  return Object.freeze(Object.fromEntries(entries))
}

function readOption(option: Option<unknown>, given: string | undefined, problems: string[]): unknown {
  const text = given ?? option.fallback
  if (text === undefined) {
    if (option.isRequired) problems.push(`${option.name} is missing (${option.description})`)
    return undefined
  }
  const parsed = option.parse(text)
  if (parsed.kind === 'value') return parsed.value
  // The value itself stays out: a misplaced secret would end in a log.
  problems.push(`${option.name} ${parsed.message}`)
  return undefined
}

/** Rules between settings. */
function acrossOptions(configuration: Configuration): readonly string[] {
  const problems: string[] = []
  if (configuration.siteType === 'secondary' && configuration.local.host === undefined) {
    problems.push('LOCAL_DB_HOST is missing (a secondary site reads from its replica)')
  }
  for (const [prefix, database] of [
    ['MAIN_DB', configuration.main],
    ['LOCAL_DB', configuration.local],
  ] as const) {
    const nameOf = (member: string) => `${prefix}_${member === 'ssl' ? 'SSLMODE' : member.toUpperCase()}`
    problems.push(...tlsProblems(tlsOf(database), nameOf))
  }
  const { journalMaxBytes = 0, journalReserveBytes = 0 } = configuration
  if (journalReserveBytes >= journalMaxBytes) {
    problems.push('JOURNAL_RESERVE_BYTES must be less than JOURNAL_MAX_BYTES')
  }
  if (configuration.journalFallback === 'lmdb' && configuration.journal !== 'redis') {
    problems.push('JOURNAL_FALLBACK is for JOURNAL=redis: leave it out, or set that')
  }
  if (configuration.buffersCriticalOperations === false) {
    problems.push('CRITICAL_OPERATIONS_BUFFER must be true: critical calls have no way past the journal')
  }
  return problems
}

function yamlTexts(yaml: unknown, problems: string[]): Record<string, string> {
  if (yaml === undefined || yaml === null) return {}
  if (typeof yaml !== 'object' || Array.isArray(yaml)) {
    problems.push('outpost.yaml must be a table of settings')
    return {}
  }
  const entries = Object.entries(yaml).map(([name, value]) => [name.toUpperCase(), value] as const)
  for (const [name, value] of entries) {
    if (!knownNames().has(name)) problems.push(`outpost.yaml: ${name} is no setting`)
    else if (typeof value === 'object') problems.push(`outpost.yaml: ${name} must be one value`)
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

/** What nobody reads is a mistake here as in the YAML; in the environment itself other programs have their names. */
function dotenvTexts(dotenv: string | undefined, problems: string[]): Record<string, string> {
  const given = present(parseEnv(dotenv ?? ''))
  for (const name of Object.keys(given)) {
    if (!knownNames().has(name) && !ofTheCommand.has(name)) problems.push(`.env: ${name} is no setting`)
  }
  return given
}

/** Read by the command from the environment, which a shell may fill from the same file. */
const ofTheCommand: ReadonlySet<string> = new Set(['OUTPOST_URL', 'OUTPOST_TOKEN'])

function knownNames(): ReadonlySet<string> {
  return new Set(allOptions().map((option) => option.name))
}

/** An empty variable counts as not given: that is how a shell or a unit file unsets one. */
function present(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const set = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  )
  return Object.fromEntries(set)
}

function isOption(entry: Option<unknown> | OptionGroup): entry is Option<unknown> {
  return typeof entry.parse === 'function'
}
