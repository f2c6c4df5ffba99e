import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import Type from 'typebox'
import { documented } from '../documented.ts'

const schema = documented('health', 'What this is, and where to read on', {
  security: [],
  response: {
    200: Type.Object({
      service: Type.String(),
      site: Type.Object({ name: Type.String(), type: Type.String() }),
      docs: Type.String({ description: 'The description of every call, as a page' }),
      openapi: Type.String({ description: 'The same as a document' }),
      health: Type.String(),
      credentials: Type.String(),
    }),
  },
})

/** `GET /`: what somebody needs who has only the address. Served without credentials. */
export function rootRoute(app: FastifyInstance, { name, type }: Site): void {
  app.get('/', { config: { isPublic: true }, schema }, async () => ({
    service: 'Operations database',
    site: { name, type },
    docs: '/docs',
    openapi: '/docs/json',
    health: '/health',
    credentials: 'Authorization: Bearer <token>; `outpost token create` on main makes one.',
  }))
}
