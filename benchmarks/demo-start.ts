import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { atMostValue, type Row, rowOf } from './row.ts'
import { median } from './statistics.ts'

const rounds = { full: 3, quick: 1, smoke: 1 }
const root = fileURLToPath(new URL('..', import.meta.url))
const deadlineMs = 60_000

/** From the command to the line that says that a client can use all of it. */
export async function demoStart({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const seconds: number[] = []
  for (let round = 0; round < sizeFor(scale, rounds); round += 1) {
    seconds.push(await startOnce())
    onProgress(`ready after ${seconds.at(-1)!.toFixed(1)} s`)
  }
  const value = median(seconds)
  return [
    rowOf({
      measure: 'npm start -- --json --no-night until ready (s)',
      baseline: 'the goal',
      value,
      baselineValue: 15,
      goal: atMostValue(15, 's'),
    }),
  ]
}

async function startOnce(): Promise<number> {
  const startedMs = performance.now()
  // In a group of its own, so that the interrupt reaches npm, its shell and the demo, as a terminal's would.
  const child = spawn('npm', ['start', '--silent', '--', '--json', '--no-night'], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const force = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), deadlineMs)
  try {
    await readyLine(child)
    return (performance.now() - startedMs) / 1000
  } finally {
    const isOver = child.exitCode !== null || child.signalCode !== null
    const ended = isOver ? undefined : once(child, 'exit')
    if (!isOver) process.kill(-child.pid!, 'SIGINT')
    await ended
    clearTimeout(force)
  }
}

function readyLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString()
      if (output.includes('\n')) resolve()
    })
    child.once('exit', (code, signal) => reject(new Error(`npm start ended (${code ?? signal}).`)))
  })
}
