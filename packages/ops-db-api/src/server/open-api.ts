import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { completeDocument, type OpenApiDocument } from './open-api-document.ts'

/** The OpenAPI document and its page at `/docs`; register it before the routes. */
export async function installOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Operations database',
        version: '0.1.0',
        description:
          'Records observations at a site while main is away, and reads them back at once. Errors are problem documents (RFC 9457) with a stable `code`; what is no request at all is answered with one too (400, 408, 431).',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'Made by `outpost token create`' },
        },
      },
      security: [{ bearer: [] }],
    },
    transformObject: (given) =>
      'openapiObject' in given
        ? completeDocument(given.openapiObject as OpenApiDocument)
        : given.swaggerObject,
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
}
