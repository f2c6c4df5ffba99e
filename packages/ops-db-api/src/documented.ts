import type { FastifySchema } from 'fastify'
import Type from 'typebox'

/** A route's schema with the words that the OpenAPI document shows. */
export function documented(tag: string, summary: string, schema: FastifySchema = {}): FastifySchema {
  const words: Record<string, unknown> = { tags: [tag], summary, ...schema }
  return words
}

/** Headers of a write. */
export const writeHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Makes the request safe to repeat: the same key gets the same answer',
    }),
  ),
})

/** Headers of a merged read. */
export const readHeaders = Type.Object({
  'outpost-token': Type.Optional(
    Type.String({
      maxLength: 4_096,
      description: 'From an earlier answer, of any site: see at least what it saw',
    }),
  ),
})
