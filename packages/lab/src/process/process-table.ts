import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface ProcessEntry {
  readonly pid: number
  readonly parentPid: number
  /** One letter: R, S, D, T (stopped), Z (zombie: ended, but not collected by its parent yet). */
  readonly state: string
  /** When it began, in the unit of the system: with the pid it names one process for good. */
  readonly startedAt: string
}

const execFileAsync = promisify(execFile)

/** Every process that can be seen, from /proc where there is one and from `ps` elsewhere. */
async function listProcesses(): Promise<ProcessEntry[]> {
  if (process.platform !== 'linux') return listByPs()
  const names = await readdir('/proc')
  const entries = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((pid) => findProcess(Number(pid))),
  )
  return entries.filter((entry) => entry !== undefined)
}

/** One process, or undefined when there is none with this pid. */
export async function findProcess(pid: number): Promise<ProcessEntry | undefined> {
  if (process.platform !== 'linux') return (await listByPs()).find((entry) => entry.pid === pid)
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Whether the process still runs. A zombie does not: it answers `kill(pid, 0)` for as long as nobody collects it,
 * which inside a container may be for ever.
 */
export async function isAlive(pid: number): Promise<boolean> {
  const entry = await findProcess(pid)
  return entry !== undefined && entry.state !== 'Z' && entry.state !== 'X'
}

/** All descendants of a process, parents before children. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const all = await listProcesses()
  const found = [pid]
  for (const parent of found) {
    for (const entry of all) if (entry.parentPid === parent && entry.state !== 'Z') found.push(entry.pid)
  }
  return found.slice(1)
}

/** The working directory of a process, which for a postmaster is its data directory; undefined when hidden. */
export async function workingDirectoryOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/cwd`).catch(() => undefined)
}

/** Sends a signal; false when the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

function parseStat(text: string): ProcessEntry {
  // The name in parentheses may itself hold spaces and parentheses, so the fields start after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? '?',
    parentPid: Number(fields[1]),
    startedAt: fields[19] ?? '',
  }
}

async function listByPs(): Promise<ProcessEntry[]> {
  const { stdout } = await execFileAsync('ps', ['-A', '-o', 'pid=,ppid=,stat=,lstart='])
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line)
    if (match === null) return []
    return [
      {
        pid: Number(match[1]),
        parentPid: Number(match[2]),
        state: match[3]!.slice(0, 1),
        startedAt: match[4]!,
      },
    ]
  })
}
