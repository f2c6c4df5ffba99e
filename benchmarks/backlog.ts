import { join } from 'node:path'
import { endChild, messageOf, spawnNode } from './node-child.ts'
import type { Stage } from './stage.ts'

export interface BacklogOptions {
  /** Site whose journal is filled; the folder is the one that its service will use. */
  readonly site: string
  readonly folder: string
  readonly transactions: number
  /** Inserts of files in each. */
  readonly filesPerTransaction: number
  readonly onProgress: (text: string) => void
}

/** What `fill-journal.ts` is told. */
export interface FillJob extends Omit<BacklogOptions, 'onProgress' | 'folder'> {
  readonly journalPath: string
  readonly main: { readonly host: string; readonly port: number }
  readonly replica: { readonly host: string; readonly port: number }
  readonly database: string
  readonly obsUnitId: number
  readonly moduleIds: readonly number[]
}

export interface Filled {
  readonly kind: 'filled'
  readonly transactions: number
  readonly unitIds: readonly string[]
}

/**
 * Fills a journal with transactions of the service's tables, by the library's own `append` in a process of its own:
 * by HTTP a million would take most of an hour. The link must be cut, or they would be on main at once.
 */
export async function fillJournal(stage: Stage, options: BacklogOptions): Promise<Filled> {
  const { site, folder, transactions, filesPerTransaction, onProgress } = options
  const job: FillJob = {
    site,
    transactions,
    filesPerTransaction,
    journalPath: join(folder, 'journal'),
    main: stage.mainOverLink,
    replica: stage.cluster.standby,
    database: stage.database,
    obsUnitId: stage.obsUnitId,
    moduleIds: stage.moduleIds,
  }
  const { port, host } = job.replica
  const logPath = join(stage.folder, `fill-${site}.log`)
  const child = spawnNode({
    program: 'benchmarks/fill-journal.ts',
    args: [JSON.stringify({ ...job, replica: { host, port } })],
    env: process.env,
    cwd: stage.folder,
    logPath,
  })
  stage.stopsFirst(() => endChild(child))
  child.on('message', (message) => {
    if (typeof message === 'string') onProgress(message)
  })
  const isFilled = (message: unknown): message is Filled =>
    typeof message === 'object' && message !== null && 'kind' in message
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const filled = await messageOf(child, logPath, isFilled)
  await gone
  return filled
}
