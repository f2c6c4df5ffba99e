import { isOutpostError } from '../errors/outpost-error.ts'
import { sqlstateOf } from './sqlstate.ts'
import { tlsAdvice } from './tls-advice.ts'

const socketWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name could not be looked up',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  ETIMEDOUT: 'the connection timed out',
}

const sqlstateWords: Readonly<Record<string, string>> = {
  '28000': 'it refuses the login',
  '28P01': 'it refuses the password',
  '3D000': 'it has no such database',
  '53300': 'it takes no more connections',
}

/**
 * Why a database did not answer, in words that anybody may read: without addresses, names and roles, which the driver's
 * and the server's own text has (P9). That text belongs in the `cause`. Pure.
 */
export function failureWords(error: unknown): string {
  if (isOutpostError(error)) return error.message
  const { code } = (error ?? {}) as { readonly code?: unknown }
  const words = typeof code === 'string' ? socketWords[code] : undefined
  if (words !== undefined) return words
  const sqlstate = sqlstateOf(error)
  if (sqlstate !== undefined) {
    const known = sqlstateWords[sqlstate]
    return known === undefined ? `it said SQLSTATE ${sqlstate}` : `${known} (SQLSTATE ${sqlstate})`
  }
  if (tlsAdvice(error) === undefined) return 'the connection failed'
  return typeof code === 'string' ? `its encryption failed (${code})` : 'it has no encryption'
}
