import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const root = new URL('..', import.meta.url)
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const fromSource = ['--conditions=@outpost/source', '--import', tsx]

export interface NodeChildOptions {
  /** Path of the program from the root of the repository. */
  readonly program: string
  /** True for JavaScript that needs neither tsx nor the source condition. */
  readonly isBuilt?: boolean
  readonly args?: readonly string[]
  /** Further options of node itself. */
  readonly nodeOptions?: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly logPath: string
}

/** A program of this repository in a process of its own, with an IPC channel. */
export function spawnNode(options: NodeChildOptions): ChildProcess {
  const program = new URL(options.program, root).pathname
  const child = spawn(
    process.execPath,
    [
      ...(options.isBuilt ? [] : fromSource),
      ...(options.nodeOptions ?? []),
      program,
      ...(options.args ?? []),
    ],
    { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  )
  const log = createWriteStream(options.logPath, { flags: 'a' })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.once('close', () => log.end())
  return child
}

/** Resolves with the first message that `accepts` takes. Error: with the end of the log, when the process ends first. */
export function messageOf<Message>(
  child: ChildProcess,
  logPath: string,
  accepts: (message: unknown) => message is Message,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown) => {
      if (!accepts(message)) return
      child.off('message', listen)
      resolve(message)
    }
    child.on('message', listen)
    child.once('exit', (code, signal) => {
      void readFile(logPath, 'utf8')
        .catch(() => '')
        .then((log) => reject(new Error(`A process ended (${code ?? signal}):\n${log.slice(-2_000)}`)))
    })
  })
}

/** Asks the process to end, forces it after `deadlineMs`, returns when it is gone. */
export async function endChild(child: ChildProcess, deadlineMs = 15_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const force = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  child.kill('SIGTERM')
  await gone
  clearTimeout(force)
}
