import { SupervisedProcess } from '../supervise/supervised-process.ts'
import type { Cleanup } from './cleanup.ts'
import type { DemoFolder } from './folder.ts'
import { notePid } from './leftover-site.ts'
import type { DemoPorts } from './ports.ts'
import { siteRoles } from './prepare-main.ts'
import { siteProcess } from './site-process.ts'

export type SiteName = 'main' | 'observatory'

/** What a visitor of the demo connects to; the superuser, because the demo trusts whoever is on this machine. */
export const demoDatabase = { user: 'postgres', database: 'ops_db' } as const

/** Counted from the start of its process, which waits for the servers first. */
const siteReadyTimeoutMs = 60_000

interface SitesOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export interface StartingSites extends Readonly<Record<SiteName, SupervisedProcess>> {
  /** Lets both begin and resolves when both are ready. */
  begin(): Promise<void>
}

/** Starts both processes at once: they load the program, and wait until `begin`. */
export function startSites(
  folder: DemoFolder,
  ports: DemoPorts,
  { env, signal }: SitesOptions,
  cleanup: Cleanup,
): StartingSites {
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const sites = superviseSites(folder, ports, env, gate)
  const stop = async () => {
    await Promise.all([sites.main.stop(), sites.observatory.stop()])
  }
  cleanup.add(stop)
  const stopOnAbort = () => void stop()
  signal.addEventListener('abort', stopOnAbort, { once: true })
  const starting = Promise.all([sites.main.start(), sites.observatory.start()])
  // A failure is raised by `begin`; until then nobody waits for it.
  starting.catch(() => undefined)
  const begin = async () => {
    open()
    await starting
    signal.removeEventListener('abort', stopOnAbort)
  }
  return { ...sites, begin }
}

function superviseSites(
  folder: DemoFolder,
  ports: DemoPorts,
  env: SitesOptions['env'],
  gate: Promise<void>,
): Readonly<Record<SiteName, SupervisedProcess>> {
  const { secretKey } = folder.settings
  const { database } = demoDatabase
  const supervise = (name: SiteName, options: Parameters<typeof siteProcess>[0]) =>
    new SupervisedProcess({
      name: `The ${name} site`,
      command: siteProcess(options, env),
      gate,
      readyTimeoutMs: siteReadyTimeoutMs,
      onStart: (pid) => notePid(options.folder, pid),
    })
  return {
    main: supervise('main', {
      name: 'main',
      type: 'main',
      port: ports.mainSite,
      main: { port: ports.mainDatabase, user: siteRoles.main, database },
      folder: folder.siteFolder('main'),
      secretKey,
    }),
    observatory: supervise('observatory', {
      name: 'observatory',
      type: 'secondary',
      port: ports.observatorySite,
      main: { port: ports.link, user: siteRoles.observatory, database },
      local: { port: ports.replicaDatabase, user: siteRoles.observatory, database },
      folder: folder.siteFolder('observatory'),
      secretKey,
    }),
  }
}

/** A site as the control of the link reports it. */
export function describeSite(site: SupervisedProcess): Readonly<Record<string, unknown>> {
  return { pid: site.pid, state: site.state.kind, restarts: site.restarts }
}
