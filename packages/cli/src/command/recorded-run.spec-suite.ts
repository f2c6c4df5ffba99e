import type { CommandContext } from './context.ts'
import { run } from './run.ts'

/** What a command has written so far. */
export interface Written {
  stdout: string
  stderr: string
}

/** A context with nothing of this process in it, which keeps what is written. */
export function recordingContext(changes: Partial<CommandContext> = {}): {
  readonly context: CommandContext
  readonly written: Written
} {
  const written: Written = { stdout: '', stderr: '' }
  const context: CommandContext = {
    env: {},
    cwd: () => '/',
    stdout: (text) => {
      written.stdout += text
    },
    stderr: (text) => {
      written.stderr += text
    },
    isTerminal: false,
    stopSignal: () => new AbortController().signal,
    setExitCode: () => undefined,
    ...changes,
  }
  return { context, written }
}

/** Runs one command line to its end. */
export async function runRecorded(
  argv: readonly string[],
  env: CommandContext['env'] = {},
): Promise<Written & { readonly code: number }> {
  const { context, written } = recordingContext({ env })
  return { code: await run(argv, context), ...written }
}
