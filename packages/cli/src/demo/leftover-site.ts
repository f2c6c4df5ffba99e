import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findProcess, waitFor } from '@outpost/lab'

const pidFile = 'process'
/** A site whose parent was killed stops by itself; this is how long it may take before it is ended. */
const graceMs = 5_000

/** Notes which process runs on a site's folder: its pid and when it began, because pids return. */
export async function notePid(folder: string, pid: number): Promise<void> {
  const found = await findProcess(pid)
  await writeFile(join(folder, pidFile), `${pid} ${found?.startedAt ?? ''}`)
}

/** Ends the process of an earlier run that still holds this site's journal. */
export async function endLeftoverSite(folder: string): Promise<void> {
  const path = join(folder, pidFile)
  const [pidText, startedAt] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
  const pid = Number(pidText)
  const isRunning = async () => {
    const found = await findProcess(pid)
    return found !== undefined && found.state !== 'Z' && found.startedAt === startedAt
  }
  if (pid > 1 && (await isRunning())) {
    const ended = waitFor(async () => !(await isRunning()), {
      what: `the end of site process ${pid}`,
      deadlineMs: graceMs,
    })
    await ended.catch(() => process.kill(pid, 'SIGKILL'))
    await waitFor(async () => !(await isRunning()), { what: `the end of site process ${pid}` })
  }
  await rm(path, { force: true })
}
