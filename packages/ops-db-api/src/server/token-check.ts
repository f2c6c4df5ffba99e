import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import { outpostTokenOf } from 'outpost/fastify'

/**
 * An Outpost-Token that no site made is refused by every call that brings one, also by a write, which waits for
 * nothing: a client that spoils its tokens learns it at once. Error: `token_invalid`.
 */
export function installTokenCheck(app: FastifyInstance, site: Site): void {
  app.addHook('onRequest', async (request) => {
    const token = outpostTokenOf(request)
    if (token !== undefined) site.checkToken(token)
  })
}
