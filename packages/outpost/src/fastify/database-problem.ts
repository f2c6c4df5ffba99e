import type { ErrorCode } from '../errors/codes.ts'
import { type Problem, problemOf } from './problem.ts'

/** The facts of a PostgreSQL error that may be shown: names of the schema, never values or the server's text. */
interface DatabaseError {
  readonly code: string
  readonly constraint?: string
  readonly column?: string
  readonly table?: string
}

const sqlstatePattern = /^[0-9A-Z]{5}$/

/** Recognises an error that PostgreSQL sent, by its SQLSTATE and severity. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  if (!(error instanceof Error)) return false
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && sqlstatePattern.test(code) && typeof severity === 'string'
}

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** True for a connection that failed before PostgreSQL could say anything. */
export function isSocketError(error: unknown): boolean {
  return error instanceof Error && socketCodes.has((error as { code?: string }).code ?? '')
}

const exact: Readonly<Record<string, ErrorCode>> = {
  '23502': 'missing_value',
  '23503': 'unknown_reference',
  '23505': 'already_exists',
  '23514': 'check_failed',
  '23P01': 'already_exists',
  '25006': 'main_unreachable',
  '55P03': 'database_busy',
}

const byClass: Readonly<Record<string, ErrorCode>> = {
  '08': 'main_unreachable',
  '22': 'invalid_value',
  '40': 'database_busy',
  '53': 'database_busy',
  '57': 'database_busy',
}

/** The code that a SQLSTATE is answered with; undefined where only an operator can help (answered as 500). */
export function codeOfSqlstate(sqlstate: string): ErrorCode | undefined {
  return exact[sqlstate] ?? byClass[sqlstate.slice(0, 2)]
}

/**
 * The problem document for an error of the database, or undefined when it is no fault of the request.
 * The server's message and detail stay out: they can quote rows that the caller may not see.
 */
export function databaseProblem(error: DatabaseError): Problem | undefined {
  const code = codeOfSqlstate(error.code)
  if (code === undefined) return undefined
  const { constraint, column, table } = error
  const facts = { constraint, column, table }
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
  const named = Object.entries(known).map(([name, value]) => `${name} ${String(value)}`)
  const where = named.length === 0 ? '' : ` (${named.join(', ')})`
  return problemOf(code, `The database refused the statement with SQLSTATE ${error.code}${where}.`, {
    details: { sqlstate: error.code, ...known },
  })
}
