import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from '../errors/lab-error.ts'
import { killTree } from '../process/kill-tree.ts'
import { livingOwner, writeOwner } from '../process/owner.ts'
import { isAlive, signal, workingDirectoryOf } from '../process/process-table.ts'
import { waitFor } from '../process/wait-for.ts'

/**
 * The pid of the postmaster that runs on a data directory, or undefined. The pid file alone proves nothing: after
 * a kill the number may belong to another program, so the process must also work in that directory.
 */
async function postmasterOf(dataDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Math.abs(Number.parseInt(text, 10))
  if (!Number.isInteger(pid) || pid <= 1 || !(await isAlive(pid))) return undefined
  const directory = await workingDirectoryOf(pid)
  return directory === undefined || directory === dataDirectory ? pid : undefined
}

/** Ends a server that nobody owns any more: fast, and after two seconds with kill -9 of all its processes. */
export async function endOrphan(dataDirectory: string): Promise<void> {
  const pid = await postmasterOf(dataDirectory)
  if (pid === undefined) return
  signal(pid, 'SIGCONT')
  signal(pid, 'SIGINT')
  const ended = waitFor(async () => !(await isAlive(pid)), {
    what: 'the orphaned server ending',
    deadlineMs: 2_000,
  })
  await ended.catch(() => killTree(pid))
}

/**
 * Makes a data directory ours to start: ends a server whose starter was killed, removes a stale pid file, and
 * writes us down as the owner. Throws `server_running` when the one who started its server still lives.
 */
export async function takeOver(dataDirectory: string): Promise<void> {
  const pid = await postmasterOf(dataDirectory)
  if (pid !== undefined) {
    const owner = await livingOwner(`${dataDirectory}.owner`)
    if (owner !== undefined) {
      throw new LabError('server_running', `Process ${owner} runs a server (pid ${pid}) on ${dataDirectory}.`)
    }
    await endOrphan(dataDirectory)
  }
  // PostgreSQL would believe a pid file that names a zombie or a stranger, and refuse to start.
  await rm(join(dataDirectory, 'postmaster.pid'), { force: true })
  await writeOwner(`${dataDirectory}.owner`)
}
