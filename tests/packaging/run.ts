import { execFile } from 'node:child_process'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const timeoutMs = 150_000

/** Runs a program to its end, at most 150 seconds; a failure is an answer, not an exception. */
export function run(
  command: string,
  parameters: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...plainEnvironment(), ...environment }
    const options = { cwd: folder, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024, env }
    execFile(command, [...parameters], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr })
    })
  })
}

/** Without what the test runner sets for itself: a user's process has none of it. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_ENV: _mode, ...rest } = process.env
  return rest
}
