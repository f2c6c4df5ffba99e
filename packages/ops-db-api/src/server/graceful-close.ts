import type { FastifyInstance } from 'fastify'

/**
 * Answers that leave while the server closes ask the client to hang up. Otherwise a kept-alive connection that was
 * busy when the closing began would be idle afterwards and hold the stop up until its keep-alive ends.
 */
export function installGracefulClose(app: FastifyInstance): void {
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) void reply.header('connection', 'close')
  })
}
