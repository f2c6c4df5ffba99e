import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { waitFor } from '@outpost/lab'
import type { RecorderLine, RecorderOrder } from './recorder-protocol.ts'

const program = fileURLToPath(new URL('./recorder.ts', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** The recording program in a process of its own; what it prints is handed on line by line. */
export class RecorderProcess {
  readonly #child: ChildProcess
  readonly #kinds = new Set<RecorderLine['kind']>()
  readonly #ended: Promise<void>
  #hasEnded = false
  #errors = ''

  /** Nothing is lost when it is killed: lines are handed on until its pipe is empty. */
  constructor(order: RecorderOrder, onLine: (line: RecorderLine) => void) {
    this.#child = spawn(
      process.execPath,
      ['--conditions=@outpost/source', '--import', 'tsx', program, JSON.stringify(order)],
      { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] },
    )
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.#errors = `${this.#errors}${data.toString()}`.slice(-4_000)
    })
    const lines = createInterface({ input: this.#child.stdout! })
    lines.on('line', (text) => {
      const line = JSON.parse(text) as RecorderLine
      this.#kinds.add(line.kind)
      onLine(line)
    })
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    const read = new Promise((resolve) => lines.once('close', resolve))
    this.#ended = Promise.all([closed, read]).then(() => {
      this.#hasEnded = true
    })
  }

  /** How it ended: the signal's name, or its exit code; undefined while it runs. */
  get exit(): string | number | undefined {
    return this.#child.signalCode ?? this.#child.exitCode ?? undefined
  }

  /** What it wrote on stderr, the last part. */
  get errors(): string {
    return this.#errors
  }

  /** Waits until it has printed a line of this kind; fails at once when it ends before. */
  async until(kind: RecorderLine['kind'], deadlineMs = 60_000): Promise<void> {
    await waitFor(() => this.#kinds.has(kind) || this.#hasEnded, {
      what: `the recorder's "${kind}"`,
      deadlineMs,
      everyMs: 5,
    })
    if (!this.#kinds.has(kind))
      throw new Error(`The recorder ended (${this.exit}) before "${kind}":\n${this.#errors}`)
  }

  /** Waits for the death that it was ordered; anything but SIGKILL is an error of the test or of the site. */
  async untilKilled(deadlineMs = 60_000): Promise<void> {
    await waitFor(() => this.#hasEnded, { what: 'the death of the recorder', deadlineMs, everyMs: 5 })
    if (this.exit !== 'SIGKILL')
      throw new Error(`The recorder ended (${this.exit}) otherwise than by its kill:\n${this.#errors}`)
  }

  /** kill -9, and everything that it had printed. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Lets it stop its site in good order. */
  async finish(): Promise<void> {
    this.#child.stdin?.end()
    await waitFor(() => this.#hasEnded, { what: 'the end of the recorder', deadlineMs: 15_000, everyMs: 5 })
    if (this.exit !== 0) throw new Error(`The recorder failed (${this.exit}):\n${this.#errors}`)
  }
}
