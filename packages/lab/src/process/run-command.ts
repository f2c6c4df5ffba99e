import { execFile } from 'node:child_process'
import { LabError } from '../errors/lab-error.ts'
import type { ServerUser } from './server-user.ts'

/** The environment of every program that the lab starts: no variable of the caller changes what it does. */
export const plainEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
}

/** Runs a program to its end and returns what it printed; `lab_command` with its output when it fails. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { readonly user?: ServerUser; readonly cwd?: string; readonly deadlineMs?: number } = {},
): Promise<string> {
  const { user = {}, cwd = '/', deadlineMs = 60_000 } = options
  return new Promise((resolve, reject) => {
    const settings = { ...user, cwd, env: plainEnvironment, timeout: deadlineMs, maxBuffer: 16 * 1024 * 1024 }
    execFile(program, args, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      reject(
        new LabError('lab_command', `${program} ${args.join(' ')} failed: ${stderr || error.message}`, {
          cause: error,
        }),
      )
    })
  })
}
