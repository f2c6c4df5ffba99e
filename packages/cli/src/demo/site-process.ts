import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProcessCommand } from '../supervise/supervised-process.ts'
import { portableNodeArguments } from './node-arguments.ts'

interface SiteDatabaseAddress {
  readonly port: number
  readonly user: string
  readonly password?: string
  readonly database: string
}

export interface SiteProcessOptions {
  readonly name: string
  readonly type: 'main' | 'secondary'
  readonly port: number
  readonly main: SiteDatabaseAddress
  /** The site's replica; the main site has none. */
  readonly local?: SiteDatabaseAddress
  /** The site's own folder, for its journal and its log. */
  readonly folder: string
  readonly secretKey: string
}

/** Nothing else of the caller's environment reaches a site: a stray `JOURNAL` or `PGOPTIONS` would change it. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_OPTIONS', 'NODE_V8_COVERAGE'] as const

/** How a site of the demo is run: `outpost serve`, by the same Node and from the same code as this process. */
export function siteProcess(
  options: SiteProcessOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ProcessCommand {
  return {
    nodeArguments: [
      ...portableNodeArguments(process.execArgv),
      entryPoint(),
      'serve',
      '--wait-for-parent',
      '--log-level',
      'warn',
    ],
    env: siteEnvironment(options, environment),
    // The site reads `.env` and `outpost.yaml` where it stands: its own folder has none.
    cwd: options.folder,
    logPath: join(options.folder, 'site.log'),
  }
}

/** The settings of a site of the demo, by the names that `outpost serve` documents. */
export function siteEnvironment(
  options: SiteProcessOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const kept = inherited.flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(kept),
    SITE_NAME: options.name,
    SITE_TYPE: options.type,
    ...databaseEnvironment('MAIN_DB', options.main),
    ...(options.local ? databaseEnvironment('LOCAL_DB', options.local) : {}),
    JOURNAL: 'lmdb',
    JOURNAL_PATH: join(options.folder, 'journal'),
    SECRET_KEY: options.secretKey,
    HOST: '127.0.0.1',
    PORT: String(options.port),
  }
}

function databaseEnvironment(
  prefix: string,
  database: SiteDatabaseAddress,
): Readonly<Record<string, string>> {
  return {
    [`${prefix}_HOST`]: '127.0.0.1',
    [`${prefix}_PORT`]: String(database.port),
    [`${prefix}_USER`]: database.user,
    ...(database.password === undefined ? {} : { [`${prefix}_PASSWORD`]: database.password }),
    [`${prefix}_NAME`]: database.database,
    [`${prefix}_SSLMODE`]: 'disable',
  }
}

/** `main.ts` when run from source, `main.js` when built. */
function entryPoint(): string {
  return fileURLToPath(new URL(`../main${extname(fileURLToPath(import.meta.url))}`, import.meta.url))
}
