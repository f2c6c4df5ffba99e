import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { controlProblem } from './control-problems.ts'
import { answer, type ControlAnswer } from './control-routes.ts'
import type { Link } from './link.ts'

export interface LinkControlOptions {
  /** Port on 127.0.0.1; any free one when left out. */
  readonly port?: number
  /** More to show beside the link's own state, for instance the pids of what runs behind it. */
  readonly status?: () => Readonly<Record<string, unknown>>
}

export interface LinkControl {
  readonly url: string
  /** Closes the port and every connection. */
  stop(): Promise<void>
}

/**
 * Lets a person or a script work a link by HTTP: `POST /cut`, `/restore`, `/half-open`, `/delay?ms=`,
 * `/bandwidth?bytes_per_s=` (0 or missing: unlimited); `GET /` and every answer report the state.
 */
export async function startLinkControl(link: Link, options: LinkControlOptions = {}): Promise<LinkControl> {
  const server = createServer((request, response) => {
    send(request, response, answer(link, request.method ?? 'GET', request.url ?? '/', options.status))
  })
  server.on('clientError', (_error, socket) => refuse(socket))
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, stop: () => close(server) }
}

function send(request: IncomingMessage, response: ServerResponse, reply: ControlAnswer): void {
  // No call has a body, so whatever is sent as one is not waited for.
  request.resume()
  const body = JSON.stringify(reply.body)
  response.writeHead(reply.status, {
    'content-length': Buffer.byteLength(body),
    'content-type': reply.status < 400 ? 'application/json' : 'application/problem+json',
    ...(reply.allow && { allow: reply.allow }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** What the HTTP parser refuses never becomes a request. */
function refuse(socket: Duplex): void {
  if (!socket.writable) return
  const problem = controlProblem('bad_request', 'The bytes are no request of HTTP/1.1.')
  const body = JSON.stringify(problem)
  const head = `HTTP/1.1 ${problem.status} Bad Request\r\ncontent-type: application/problem+json\r\nconnection: close`
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
