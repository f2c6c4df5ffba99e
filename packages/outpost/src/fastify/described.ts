import type { FastifySchema } from 'fastify'

/**
 * A route's schema with the words that an OpenAPI plugin reads. Fastify's own type does not know them; the host
 * may have any OpenAPI plugin or none, so no plugin's types are imported here.
 */
export function described(tag: string, summary: string, schema: FastifySchema = {}): FastifySchema {
  const words: Record<string, unknown> = { tags: [tag], summary, ...schema }
  return words
}

/** For a route without credentials, as an OpenAPI plugin reads it. */
export const isOpen = { security: [] } as const
