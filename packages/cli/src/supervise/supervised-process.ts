import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type Clock, OutpostError, systemClock } from 'outpost'
import { defaultRestartLimits, type RestartLimits, restartDelayMs } from './restart-policy.ts'

export interface ProcessCommand {
  /** Arguments of this Node: the child is the node process itself, so its pid is the real one. */
  readonly nodeArguments: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Receives stdout and stderr, appended. */
  readonly logPath: string
}

export interface SupervisedOptions {
  readonly name: string
  readonly command: ProcessCommand
  readonly clock?: Clock
  readonly limits?: RestartLimits
  /** How long a start may take until the process says that it is ready. Default 30,000. */
  readonly readyTimeoutMs?: number
  /** How long a stop may take before it is forced. Default 8,000. */
  readonly stopTimeoutMs?: number
  /** When it resolves, each child is told to begin; left out: children begin by themselves. */
  readonly gate?: Promise<void>
  /** Awaited with the pid of each process that was started, before it counts as ready. */
  readonly onStart?: (pid: number) => Promise<void>
  /** Called when a process that nobody asked to stop has died. */
  readonly onDeath?: (death: Death) => void
}

export type SupervisedState =
  | { readonly kind: 'starting'; readonly pid: number | null }
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'waiting'; readonly restarts: number }
  | { readonly kind: 'stopped' }

const logTailLines = 12

/** The message a child sends over its IPC channel once it listens. */
export const readyMessage = 'outpost:ready'
/** The message a child is sent once it may begin, if it was started to wait for that. */
export const goMessage = 'outpost:go'

/**
 * One child process that is started again when it dies.
 *
 * States: starting → ready → (waiting → starting …) → stopped. Invariant: at most one child lives at any time, and
 * none after `stop` has returned. The child is in a group of its own, so that a Ctrl-C on the terminal reaches the
 * parent alone, and holds an IPC channel whose end tells it that the parent is gone.
 */
export class SupervisedProcess {
  readonly #options: SupervisedOptions
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  readonly #startedAtMs: number[] = []
  #failedStarts = 0
  #restarts = 0
  #child: ChildProcess | undefined
  #state: SupervisedState = { kind: 'stopped' }
  #loop: Promise<void> | undefined

  constructor(options: SupervisedOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get state(): SupervisedState {
    return this.#state
  }

  /** Pid of the living process, null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** How often it was started again. */
  get restarts(): number {
    return this.#restarts
  }

  /** Starts it and resolves when it is ready. A first start that fails is not tried again: `start_failed`. */
  async start(): Promise<void> {
    const { logPath } = this.#options.command
    const exit = this.#spawn()
    const outcome = await this.#untilReady(exit)
    if (outcome !== 'ready') {
      await this.stop()
      throw new OutpostError('start_failed', `${this.#options.name} ${outcome}.`, {
        hint: `Its log ${logPath} ends with:\n${await logTail(logPath)}`,
        details: { log: logPath },
      })
    }
    this.#loop = this.#keepAlive(exit)
  }

  /** Asks it to stop, forces it at the deadline, returns when it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const child = this.#child
    if (child) {
      const force = setTimeout(() => child.kill('SIGKILL'), this.#options.stopTimeoutMs ?? 8_000)
      const gone = exitOf(child)
      child.kill('SIGTERM')
      await gone
      clearTimeout(force)
    }
    await this.#loop
    this.#state = { kind: 'stopped' }
  }

  async #keepAlive(firstExit: Promise<Death>): Promise<void> {
    let exit = firstExit
    for (;;) {
      const death = await exit
      if (this.#stopping.signal.aborted) return
      this.#options.onDeath?.(death)
      this.#restarts += 1
      this.#state = { kind: 'waiting', restarts: this.#restarts }
      const nowMs = this.#clock.monotonicMs()
      const history = { startedAtMs: this.#startedAtMs, failedStarts: this.#failedStarts }
      await this.#clock.sleep(
        restartDelayMs(history, nowMs, this.#options.limits ?? defaultRestartLimits),
        this.#stopping.signal,
      )
      if (this.#stopping.signal.aborted) return
      exit = this.#spawn()
      await this.#untilReady(exit)
    }
  }

  #spawn(): Promise<Death> {
    const { command } = this.#options
    const log = openSync(command.logPath, 'a')
    try {
      const child = spawn(process.execPath, command.nodeArguments, {
        cwd: command.cwd,
        env: command.env,
        detached: true,
        stdio: ['ignore', log, log, 'ipc'],
      })
      this.#child = child
      this.#startedAtMs.push(this.#clock.monotonicMs())
      // Only the last minute decides; the list must not grow with the age of the demo.
      if (this.#startedAtMs.length > 1_000) this.#startedAtMs.shift()
      this.#state = { kind: 'starting', pid: child.pid ?? null }
      void this.#options.gate?.then(() => {
        // A child that died meanwhile is told of by its exit, not by a message that did not arrive.
        if (child.connected) child.send(goMessage, () => undefined)
      })
      return exitOf(child).then((death) => {
        this.#child = undefined
        return death
      })
    } finally {
      closeSync(log)
    }
  }

  /** Resolves to `ready`, or to what went wrong in words. A child that is late is killed, so that its exit follows. */
  async #untilReady(exit: Promise<Death>): Promise<string> {
    const child = this.#child
    if (!child) return 'could not be started'
    const outcome = await this.#firstOutcome(child, exit)
    if (outcome === 'ready') {
      this.#failedStarts = 0
      this.#state = { kind: 'ready', pid: child.pid ?? 0 }
    } else {
      this.#failedStarts += 1
      child.kill('SIGKILL')
    }
    return outcome
  }

  async #firstOutcome(child: ChildProcess, exit: Promise<Death>): Promise<string> {
    const timeoutMs = this.#options.readyTimeoutMs ?? 30_000
    const waiting = new AbortController()
    const ready = new Promise<'ready'>((resolve) => {
      child.on('message', (message) => {
        if (message === readyMessage) resolve('ready')
      })
    })
    const noted = this.#noteStart(child.pid)
    const late = this.#clock
      .sleep(timeoutMs, waiting.signal)
      .then(() => `was not ready after ${timeoutMs} ms`)
    const died = exit.then((death) => `ended before it was ready (${death.code ?? death.signal})`)
    const outcome = await Promise.race([ready.then(() => noted), late, died])
    waiting.abort()
    return outcome
  }

  /** A start that cannot be noted is no start: a later run could not find the process. */
  async #noteStart(pid: number | undefined): Promise<string> {
    if (pid === undefined) return 'could not be started'
    try {
      await this.#options.onStart?.(pid)
      return 'ready'
    } catch (error) {
      return `could not be noted: ${error instanceof Error ? error.message : String(error)}`
    }
  }
}

export interface Death {
  readonly code: number | null
  readonly signal: string | null
}

/** The end of a log, because its folder may be gone by the time that somebody reads the error. */
async function logTail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-logTailLines).join('\n')
}

function exitOf(child: ChildProcess): Promise<Death> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode })
  }
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
}
