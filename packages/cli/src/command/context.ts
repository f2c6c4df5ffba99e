import { currentFolder } from './current-folder.ts'

/** What a command may touch of the process around it: injected, so that a test can own all of it. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that settings are read in. Error: `config_invalid` where it is gone. */
  readonly cwd: () => string
  /** Data: what a script reads. */
  readonly stdout: (text: string) => void
  /** Progress and errors: what a person reads. */
  readonly stderr: (text: string) => void
  /** True when stderr is a terminal that can redraw a line. */
  readonly isTerminal: boolean
  /** Begins to listen for SIGINT, SIGTERM and SIGHUP and returns the signal that they abort. */
  readonly stopSignal: () => AbortSignal
  /** Set by a command whose answer is an exit code and not an error (`status`). */
  readonly setExitCode: (code: number) => void
}

/** What a shell shows for a program that SIGPIPE ended; Node ignores that signal and gets EPIPE instead. */
const readerGoneExitCode = 128 + 13

/**
 * The context of this process. Only a command that runs until it is stopped asks for the stop signal: the others
 * end at once on Ctrl-C, as any program does. Signals after the first are ignored, because npm and the terminal
 * both send one and the clean-up has deadlines of its own. When the reader of stdout or stderr is gone (`| head`), a
 * command that asked for the signal is stopped by it and any other ends at once, both without a word.
 */
export function processContext(): CommandContext {
  let controller: AbortController | undefined
  onReaderGone(() => {
    if (controller) controller.abort('SIGPIPE')
    else process.exit(readerGoneExitCode)
  })
  return {
    env: process.env,
    cwd: currentFolder,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    stopSignal: () => {
      if (!controller) {
        const stop = new AbortController()
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(name))
        controller = stop
      }
      return controller.signal
    },
    setExitCode: (code) => {
      process.exitCode = code
    },
  }
}

function onReaderGone(end: () => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      end()
    })
  }
}
