import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { type Problem, ProblemError, problemMediaType, problemOf } from './problem.ts'

/** How long a refused connection is kept, so that a client that is still sending reads the answer before the end. */
const lingerMs = 1_000

/**
 * Answers what Node's HTTP parser refuses, before there is a request: for fastify's `clientErrorHandler` option. The
 * connection is closed, because nobody knows where a next request would begin.
 *
 * @example
 * const app = fastify({ clientErrorHandler: answerClientError })
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // What still arrives after the answer is refused again; the answer stands.
  if (socket.writableEnded) return
  const earlier = answerUnderWay(socket)
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else if (earlier?.req.complete === true) earlier.once('close', () => answerClientError(error, socket))
  else if (earlier?.headersSent === true) socket.destroy()
  else endWith(socket, clientErrorProblem(error.code ?? ''))
}

/** The document for a code of Node's parser (`HPE_…`) or of its time limits. Pure. */
function clientErrorProblem(code: string): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return problemOf(
        'headers_too_large',
        'The request line and the headers are longer than the server takes.',
      )
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problemOf('body_too_large', 'The extensions of the chunks are longer than the server takes.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problemOf(
        'request_timeout',
        'The request was not complete within the time that a request may take.',
      )
    default:
      return problemOf(
        'malformed_request',
        `The bytes are no request of HTTP/1.1 (${code || 'not readable'}).`,
        {
          hint: 'Send HTTP/1.1, and https only where the server speaks it.',
        },
      )
  }
}

/** Problem documents for what Node itself would answer without one, or not at all: `Expect`, `CONNECT`. */
export function installServerRefusals(server: Server): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const problem = refusal(417, `The expectation '${shown(request.headers.expect)}' cannot be met.`)
    const body = Buffer.from(JSON.stringify(problem))
    response.writeHead(problem.status, headersFor(body))
    response.end(body)
  })
  server.on('connect', (_request, socket: Duplex) => endWith(socket, refusal(405, 'This is no proxy.')))
}

/**
 * Refuses a request of HTTP/1.1 without `Host`, as RFC 9112 asks. A hook sees one only with fastify's option
 * `http: { requireHostHeader: false }`; otherwise Node answers it, without a document.
 */
export function requireHost(request: FastifyRequest): void {
  if (request.raw.httpVersion !== '1.1' || request.headers.host !== undefined) return
  throw new ProblemError('malformed_request', 'The request has no Host header.')
}

function refusal(status: number, detail: string): Problem {
  return { ...problemOf('malformed_request', detail), status }
}

function shown(text: string | undefined): string {
  return (text ?? '').slice(0, 64)
}

/**
 * The answer that has the connection now, as Node's own handler finds it. Its request came whole and is answered first,
 * or it is the request that went wrong, and nothing may follow an answer to it that has begun.
 */
function answerUnderWay(socket: Duplex): ServerResponse | undefined {
  return (socket as { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

function headersFor(body: Buffer): Readonly<Record<string, string>> {
  return {
    'content-type': problemMediaType,
    'content-length': String(body.length),
    connection: 'close',
  }
}

function endWith(socket: Duplex, problem: Problem): void {
  const body = Buffer.from(JSON.stringify(problem))
  const head = Object.entries(headersFor(body)).map(([name, value]) => `${name}: ${value}\r\n`)
  // The other side may be gone already: then nobody is left to be told.
  socket.on('error', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${head.join('')}\r\n${body.toString()}`,
  )
  const linger = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(linger))
}
