import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killTree } from '../process/kill-tree.ts'
import { livingOwner, writeOwner } from '../process/owner.ts'
import { isAlive } from '../process/process-table.ts'
import { endOrphan } from './orphan.ts'

const prefix = 'outpost-lab-'
const ownerFile = 'owner'
/** Beside a program other than PostgreSQL: who must end with the folder. */
export const processFile = 'process'

/**
 * A fresh folder for servers: `outpost-lab-<pid>-<random>` in the temporary directory, open to the servers' user.
 * The pid in the name and the owner's start time inside let a later process see that its maker was killed.
 */
export async function makeLabFolder(): Promise<string> {
  await sweepOnce()
  const folder = join(tmpdir(), `${prefix}${process.pid}-${randomUUID().slice(0, 8)}`)
  await mkdir(folder)
  await chmod(folder, 0o755)
  await writeOwner(join(folder, ownerFile))
  return folder
}

let sweeping: Promise<unknown> | undefined

/** Cleans up once per process what killed processes left behind. */
function sweepOnce(): Promise<unknown> {
  sweeping ??= sweepOrphans()
  return sweeping
}

/**
 * Ends the servers and removes the folders of lab processes that no longer run. Returns the folders removed.
 * A kill -9 of a test run or a demo leaves nothing behind for longer than until the next start.
 */
export async function sweepOrphans(): Promise<string[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix))
  const swept: string[] = []
  for (const name of names) {
    const folder = join(tmpdir(), name)
    if (await isOwned(folder, Number(name.slice(prefix.length).split('-')[0]))) continue
    await endProcess(join(folder, processFile))
    for (const entry of await readdir(folder).catch(() => [])) await endOrphan(join(folder, entry))
    // Another user's leavings cannot be removed by us, and its next start removes them.
    const removed = await rm(folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    )
    if (removed) swept.push(folder)
  }
  return swept
}

async function isOwned(folder: string, pid: number): Promise<boolean> {
  if ((await livingOwner(join(folder, ownerFile))) !== undefined) return true
  // A folder that was made this moment has no owner file yet: the pid in its name speaks for it.
  const hasFile = await stat(join(folder, ownerFile)).then(
    () => true,
    () => false,
  )
  return !hasFile && Number.isInteger(pid) && (await isAlive(pid))
}

async function endProcess(path: string): Promise<void> {
  const pid = await livingOwner(path)
  if (pid !== undefined) await killTree(pid)
}
