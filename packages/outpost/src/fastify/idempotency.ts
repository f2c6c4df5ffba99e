import { createHash } from 'node:crypto'
import type { Idempotency } from '../transaction/transaction.ts'
import { ProblemError } from './problem.ts'

export interface IdempotentRequest {
  /** The header's value, when it was sent. */
  readonly key: string | undefined
  /** Name of the site (N22). */
  readonly site: string
  /** Id of the API token: two clients may use the same key. */
  readonly tokenId: string
  readonly method: string
  readonly path: string
  readonly body: unknown
}

export const maxKeyLength = 255
const visibleAscii = /^[\x21-\x7e]+$/

/**
 * The idempotency facts of a request (N22), or undefined without the header. The digest covers method, path and
 * the body in canonical form, so that the order of members does not matter. Error: `idempotency_key_invalid`.
 */
export function idempotencyOf(request: IdempotentRequest): Idempotency | undefined {
  const { key, site, tokenId } = request
  if (key === undefined) return undefined
  if (key.length > maxKeyLength || !visibleAscii.test(key)) {
    throw new ProblemError(
      'idempotency_key_invalid',
      `The Idempotency-Key has ${key.length} characters or a character that is not visible ASCII.`,
    )
  }
  return { scope: `${site}/${tokenId}`, key, requestDigest: requestDigest(request) }
}

/** SHA-256 (hex) of method, path and canonical body. */
export function requestDigest(request: Pick<IdempotentRequest, 'method' | 'path' | 'body'>): string {
  const text = `${request.method}\n${request.path}\n${canonicalJson(request.body)}`
  return createHash('sha256').update(text).digest('hex')
}

/** JSON with the members of every object in code unit order; undefined becomes the empty text. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_name, member: unknown) => (isPlainObject(member) ? sorted(member) : member)) ?? ''
  )
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
