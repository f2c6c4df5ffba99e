import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** How long a client may still take to send the rest of its request once the server closes. */
const restMs = 5_000

/** The newest request of a connection. Of pipelined ones it is the last, whose answer may end the connection. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * Answers that leave while the server closes ask the client to hang up. Otherwise a kept-alive connection that was
 * busy when the closing began would be idle afterwards and hold the stop up until its keep-alive ends. Of pipelined
 * requests only the last answer does: Node drops what would be answered after it, although it was recorded.
 *
 * A request that is not complete by then was not accepted: its connection is cut after five seconds, so that a slow
 * client does not hold the stop up.
 */
export function installGracefulClose(app: FastifyInstance): void {
  const connections = new Set<Socket>()
  const newest = new WeakMap<Socket, Exchange>()
  let isClosing = false
  let patience: NodeJS.Timeout | undefined

  app.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  app.addHook('onRequest', (request, reply, done) => {
    newest.set(request.raw.socket, { request: request.raw, response: reply.raw })
    done()
  })
  app.addHook('preClose', (done) => {
    isClosing = true
    patience = setTimeout(() => cutUnaccepted(connections, newest), restMs)
    done()
  })
  app.addHook('onClose', (_app, done) => {
    clearTimeout(patience)
    done()
  })
  app.addHook('onSend', async (request, reply) => {
    const isLast = newest.get(request.raw.socket)?.request === request.raw
    if (isClosing && isLast) void reply.header('connection', 'close')
  })
}

function cutUnaccepted(connections: ReadonlySet<Socket>, newest: WeakMap<Socket, Exchange>): void {
  for (const socket of connections) {
    const exchange = newest.get(socket)
    const isAnswering = exchange?.request.complete === true && !exchange.response.writableFinished
    if (!isAnswering) socket.destroy()
  }
}
