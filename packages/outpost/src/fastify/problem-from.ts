import type { ErrorCode } from '../errors/codes.ts'
import { isOutpostError } from '../errors/outpost-error.ts'
import { databaseProblem, isDatabaseError, isSocketError } from './database-problem.ts'
import { type Problem, ProblemError, problemOf } from './problem.ts'
import { validationProblem } from './validation-problem.ts'

export interface ProblemAnswer {
  readonly problem: Problem
  readonly retryAfterSeconds?: number
  /** True when the cause must be logged, because the document does not tell it. */
  readonly isUnexpected: boolean
}

const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
}

const retryAfterSeconds = 5

function answer(problem: Problem, retry?: number): ProblemAnswer {
  const seconds = retry ?? (problem.status === 503 ? retryAfterSeconds : undefined)
  return { problem, isUnexpected: false, ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }) }
}

/**
 * Decides what a client is told about an error. Pure. What nobody foresaw becomes a 500 that names only the
 * incident: messages of unknown errors can hold SQL, addresses or secrets.
 */
export function problemFrom(error: unknown, incident: string): ProblemAnswer {
  if (error instanceof ProblemError) return answer(error.problem, error.retryAfterSeconds)
  if (isOutpostError(error))
    return answer(problemOf(error.code, error.message, { hint: error.hint, details: error.details }))
  if (isDatabaseError(error)) {
    const problem = databaseProblem(error)
    if (problem !== undefined) return answer(problem)
  }
  if (isSocketError(error))
    return answer(problemOf('main_unreachable', 'The connection to the database failed.'))
  return frameworkProblem(error) ?? unexpected(incident)
}

function frameworkProblem(error: unknown): ProblemAnswer | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, statusCode, validation } = error as Error & {
    code?: unknown
    statusCode?: unknown
    validation?: unknown
  }
  if (Array.isArray(validation)) return answer(validationProblem(validation))
  if (typeof code === 'string' && frameworkCodes[code] !== undefined) {
    const wanted =
      code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' ? '; wanted is Content-Type: application/json' : ''
    return answer(problemOf(frameworkCodes[code], `${error.message}${wanted}`))
  }
  if (error instanceof SyntaxError && statusCode === 400) {
    return answer(problemOf('malformed_json', 'The body is not valid JSON.'))
  }
  const isClientFault = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  if (!isClientFault) return undefined
  return answer({
    ...problemOf('malformed_request', 'The request was refused before it reached a route.'),
    status: statusCode,
  })
}

function unexpected(incident: string): ProblemAnswer {
  return {
    problem: problemOf('internal_error', `The request could not be served; incident ${incident}.`, {
      details: { incident },
    }),
    isUnexpected: true,
  }
}
