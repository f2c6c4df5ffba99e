import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from '../errors/lab-error.ts'
import { dyingWithParent } from '../process/dying-with-parent.ts'
import { plainEnvironment } from '../process/run-command.ts'
import type { ServerUser } from '../process/server-user.ts'
import { pause } from '../process/wait-for.ts'

export interface PostmasterOptions {
  /** Folder of the programs. */
  readonly folder: string
  readonly dataDirectory: string
  readonly port: number
  readonly user: ServerUser
  readonly logFile: string
}

/** A running postmaster process and the promise of its end. */
export interface Postmaster {
  readonly pid: number
  /** Resolves with how the process ended, once it has. */
  readonly ended: Promise<string>
}

/**
 * Starts `postgres` itself rather than through pg_ctl: so its end is seen at once, and it can be another user's.
 * It gets a session of its own, because Ctrl-C in the terminal would be a fast stop; `setpriv` (where there is
 * one) stops it when this process is killed.
 */
export async function spawnPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const log = await open(options.logFile, 'a', 0o644)
  try {
    const place = ['-D', options.dataDirectory, '-p', String(options.port), '-h', '127.0.0.1', '-k', '']
    const [program, ...args] = dyingWithParent([join(options.folder, 'postgres'), ...place])
    const child = spawn(program, args, {
      ...options.user,
      cwd: '/',
      env: plainEnvironment,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    const ended = endOf(child)
    if (child.pid === undefined)
      throw new LabError('server_start', `postgres was not started: ${await ended}`)
    child.unref()
    return { pid: child.pid, ended }
  } finally {
    await log.close()
  }
}

/**
 * Waits until the server takes connections: line 8 of `postmaster.pid` then says `ready`. Throws `server_start`
 * with the end of the log when the process ends first, and `lab_timeout` at the deadline.
 */
export async function untilReady(
  postmaster: Postmaster,
  options: PostmasterOptions,
  deadlineMs: number,
): Promise<void> {
  let end: string | undefined
  void postmaster.ended.then((how) => {
    end = how
  })
  const started = performance.now()
  while (!(await saysReady(options.dataDirectory, postmaster.pid))) {
    if (end !== undefined) {
      throw new LabError(
        'server_start',
        `postgres ended while starting (${end}).\n${await logTail(options.logFile)}`,
      )
    }
    if (performance.now() - started > deadlineMs) {
      const tail = await logTail(options.logFile)
      throw new LabError('lab_timeout', `postgres was not ready within ${deadlineMs} ms.\n${tail}`)
    }
    await pause(10)
  }
}

/** The last lines of a log, for an error message. */
export async function logTail(logFile: string, lines = 12): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}

async function saysReady(dataDirectory: string, pid: number): Promise<boolean> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signalName) => resolve(signalName ?? `exit code ${code}`))
  })
}
