import { type ErrorCode, errorCodes } from './codes.ts'

export interface ErrorOptions {
  /** What the caller can do about it; the table's general fix when left out. */
  readonly hint?: string
  /** Machine-readable facts: never a secret. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/**
 * Every error that Outpost raises on purpose. The message says what happened with the values, the hint what to
 * do; `code` is stable and listed in `docs/reference/errors.md`, generated from {@link errorCodes}.
 */
export class OutpostError extends Error {
  override readonly name = 'OutpostError'
  readonly code: ErrorCode
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? errorCodes[code].fix
    this.details = options.details ?? {}
  }

  /** HTTP status that a service answers with. */
  get status(): number {
    return errorCodes[this.code].status
  }

  /** Process exit code that a command ends with. */
  get exitCode(): number {
    return errorCodes[this.code].exit
  }
}

export function isOutpostError(error: unknown, code?: ErrorCode): error is OutpostError {
  return error instanceof OutpostError && (code === undefined || error.code === code)
}
