import type { FastifySchema } from 'fastify'

/** A route's schema with the words that the OpenAPI document shows. */
export function documented(tag: string, summary: string, schema: FastifySchema = {}): FastifySchema {
  const words: Record<string, unknown> = { tags: [tag], summary, ...schema }
  return words
}
