import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, waitFor } from '@outpost/lab'
import { siteEnvironment } from '../packages/cli/src/demo/site-process.ts'
import { readyMessage } from '../packages/cli/src/supervise/supervised-process.ts'
import { build } from './build.ts'
import { HttpConnection } from './http-connection.ts'
import { endChild, messageOf, spawnNode } from './node-child.ts'
import type { Stage } from './stage.ts'

/** The service of a secondary site in its own process, as `outpost serve` runs it; the stage stops it at the end. */
export interface Service {
  readonly host: string
  readonly port: number
  readonly pid: number
  /** From the start of the process until it said that it serves. */
  readonly readyAfterMs: number
  /** Headers of every request: authentication. */
  readonly headers: Readonly<Record<string, string>>
  connect(): HttpConnection
  stop(): Promise<void>
}

export interface ServiceOptions {
  readonly name?: string
  /** Folder of the journal; the same one again is a restart. */
  readonly folder?: string
  /** Options of node itself, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[]
  /** Settings beside those that every site has. */
  readonly environment?: Readonly<Record<string, string>>
  /** Called with the pid as soon as there is one. */
  readonly onSpawn?: (pid: number) => void
}

const host = '127.0.0.1'

/** Environment variable with options for the service's node: `--cpu-prof --cpu-prof-dir=…` to see where time goes. */
const profilingOptions = process.env.BENCH_SERVICE_NODE_OPTIONS?.split(' ') ?? []

export async function startService(stage: Stage, options: ServiceOptions = {}): Promise<Service> {
  const { name = 'observatory', folder = join(stage.folder, name), onSpawn } = options
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const logPath = join(folder, 'site.log')
  const user = { user: 'postgres', database: stage.database }
  const program = await programOf(stage)
  const startedMs = performance.now()
  const child = spawnNode({
    ...program,
    args: ['serve', '--log-level', 'warn'],
    nodeOptions: [...profilingOptions, ...(options.nodeOptions ?? [])],
    env: {
      ...siteEnvironment(
        {
          name,
          type: 'secondary',
          port,
          folder,
          secretKey: 'the secret of the benchmark',
          main: { port: stage.mainOverLink.port, ...user },
          local: { port: stage.cluster.standby.port, ...user },
        },
        process.env,
      ),
      ...options.environment,
    },
    cwd: folder,
    logPath,
  })
  stage.stopsFirst(() => endChild(child))
  onSpawn?.(child.pid!)
  const isReady = (message: unknown): message is string => message === readyMessage
  await messageOf(child, logPath, isReady)
  const readyAfterMs = performance.now() - startedMs
  const headers = { authorization: `Bearer ${stage.token}` }
  const connect = () => new HttpConnection({ host, port, headers })
  return { host, port, pid: child.pid!, readyAfterMs, headers, connect, stop: () => endChild(child) }
}

/** The command as it is shipped: built. From source a site needs about 50 MB more, and longer to start. */
async function programOf({ scale }: Stage) {
  if (scale === 'smoke') return { program: 'packages/cli/src/main.ts' }
  await build()
  return { program: 'packages/cli/dist/main.js', isBuilt: true }
}

/** Waits until the site answers a merged read: from then on it knows its replica and the token. */
export async function untilAnswering(service: Service, deadlineMs = 30_000): Promise<void> {
  const connection = service.connect()
  try {
    const answers = async () =>
      (await connection.request('GET', '/executed_obs_units?limit=1')).status === 200
    await waitFor(() => answers().catch(() => false), { what: 'the service to answer', deadlineMs })
  } finally {
    connection.close()
  }
}
