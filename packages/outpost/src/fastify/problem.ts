import { type ErrorCode, errorCodes } from '../errors/codes.ts'

/** One thing that is wrong with one place of the request. `path` is a JSON pointer into the body, or a name. */
export interface ProblemItem {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** A problem document (RFC 9457). `code` is stable and listed in the error reference; `hint` says what to do. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly hint: string
  readonly errors?: readonly ProblemItem[]
  readonly details?: Readonly<Record<string, unknown>>
}

export const problemMediaType = 'application/problem+json'

/** What an application adds to the table of codes: its own code with status, meaning and fix. */
export interface ProblemCode {
  readonly code: string
  readonly status: number
  readonly meaning: string
  readonly fix: string
}

export interface ProblemOptions {
  readonly hint?: string
  readonly errors?: readonly ProblemItem[]
  readonly details?: Readonly<Record<string, unknown>>
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/** Thrown by a route to answer with a problem document. Never put a secret into the detail. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode | ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.problem = problemOf(code, detail, options)
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Builds the document for a code of the library's table or of the application's own. */
export function problemOf(
  code: ErrorCode | ProblemCode,
  detail: string,
  options: ProblemOptions = {},
): Problem {
  const entry = typeof code === 'string' ? { code, ...errorCodes[code] } : code
  return {
    type: `urn:outpost:error:${entry.code}`,
    title: entry.meaning,
    status: entry.status,
    detail,
    code: entry.code,
    hint: options.hint ?? entry.fix,
    ...(options.errors === undefined ? {} : { errors: options.errors }),
    ...(options.details === undefined ? {} : { details: options.details }),
  }
}
