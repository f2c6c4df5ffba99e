import { LabError, type LabErrorCode } from '@outpost/lab'
import { errorCodes, OutpostError } from 'outpost'

/** A problem document (RFC 9457) as the service answers it, with the exit code that the command ends with. */
export interface CommandProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly hint: string
  readonly exit_code: number
}

/** Exit code of a failure that no code of ours names. */
const unexpectedExitCode = 1

/** Failures of the demo's servers that the user's machine or input is at fault for; the others end with 1. */
const labInputCodes: ReadonlySet<LabErrorCode> = new Set([
  'lab_missing',
  'lab_user',
  'link_input',
  'data_exists',
  'server_running',
])

/** Turns whatever a command failed with into what is told about it. Never holds a stack trace or a secret. */
export function toProblem(error: unknown): CommandProblem {
  if (error instanceof OutpostError) {
    return {
      type: `urn:outpost:error:${error.code}`,
      title: errorCodes[error.code].meaning,
      status: error.status,
      detail: error.message,
      code: error.code,
      hint: error.hint,
      exit_code: error.exitCode,
    }
  }
  if (error instanceof LabError) {
    return {
      type: `urn:outpost:error:${error.code}`,
      title: 'A server of the demo cannot be used.',
      status: 500,
      detail: error.message,
      code: error.code,
      hint: error.hint,
      exit_code: labInputCodes.has(error.code) ? 2 : unexpectedExitCode,
    }
  }
  if (isTakenPort(error)) {
    return toProblem(
      new OutpostError('port_in_use', `Port ${error.port} is already in use.`, { cause: error }),
    )
  }
  return {
    type: 'about:blank',
    title: 'The command failed.',
    status: 500,
    detail: error instanceof Error ? error.message : String(error),
    code: 'unexpected',
    hint: 'This is not a failure that the command knows: please report it with what you did.',
    exit_code: unexpectedExitCode,
  }
}

/** What Node says when something else listens already. */
function isTakenPort(error: unknown): error is Error & { readonly port: number } {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error
}

/** What stderr shows: the message, then what to do. */
export function renderProblem(problem: CommandProblem): string {
  return `error: ${problem.detail}\nhint: ${problem.hint}\n`
}
