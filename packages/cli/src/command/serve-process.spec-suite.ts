import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

interface ServeEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

/** `outpost serve` as a process of its own, with nothing of this one's environment but the path to Node. */
export interface ServeProcess {
  readonly child: ChildProcess
  /** The line that says that it listens. */
  readonly ready: Promise<string>
  readonly ended: Promise<ServeEnd>
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

export function startServe(
  folder: string,
  env: Readonly<Record<string, string>>,
  logLevel: 'silent' | 'trace' = 'silent',
): ServeProcess {
  const args = [
    '--conditions=@outpost/source',
    '--import',
    import.meta.resolve('tsx'),
    main,
    'serve',
    '--log-level',
    logLevel,
  ]
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      SITE_NAME: 'main',
      SITE_TYPE: 'main',
      SECRET_KEY: 'a secret of the tests',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString()
  })
  const ready = new Promise<string>((resolve) => {
    child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString()))
  })
  const ended = new Promise<ServeEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stderr }))
  })
  return { child, ready, ended }
}
