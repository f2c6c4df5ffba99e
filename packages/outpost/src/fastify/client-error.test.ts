import type { Server } from 'node:http'
import { connect } from 'node:net'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../site/site-api.ts'
import { answerClientError } from './client-error.ts'
import { outpostPlugin } from './outpost-plugin.ts'

const apps: FastifyInstance[] = []
let patientPort = 0
/** Of a server that waits a moment only; on a busy machine that may be too short for any request. */
let hastyPort = 0

beforeAll(async () => {
  patientPort = await listening({ requestTimeout: 60_000, http: { requireHostHeader: false } })
  hastyPort = await listening({
    requestTimeout: 100,
    http: { requireHostHeader: false, connectionsCheckingInterval: 20, headersTimeout: 50 },
  })
})
afterAll(() => Promise.all(apps.map((app) => app.close())))

async function listening(limits: FastifyHttpOptions<Server>): Promise<number> {
  const app = Fastify({ clientErrorHandler: answerClientError, ...limits })
  apps.push(app)
  await app.register(outpostPlugin, { site: {} as Site })
  app.post('/echo', async (request) => request.body)
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

/** Sends bytes as they are and reads until the server closes. */
async function send(bytes: string, port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

const head = 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const whole = `${head}Content-Length: 2\r\n\r\n{}`

describe('P9: what the HTTP parser refuses gets a problem document and the connection is closed', () => {
  it.each([
    ['a line that is no request', 'HELLO\r\n\r\n', 400, 'malformed_request'],
    ['a path with a space', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'malformed_request'],
    ['an unknown method', 'FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'malformed_request'],
    ['the first bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'malformed_request'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'malformed_request'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n', 400, 'malformed_request'],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, 'malformed_request'],
    [
      'a length and chunks',
      `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
      400,
      'malformed_request',
    ],
    [
      'a chunk without a size',
      `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
      400,
      'malformed_request',
    ],
    ['no Host', 'GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed_request'],
    [
      'headers of a megabyte',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(2 ** 20)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a URL of a megabyte',
      `GET /${'a'.repeat(2 ** 20)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'an unknown expectation',
      `GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n`,
      417,
      'malformed_request',
    ],
    ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n', 405, 'malformed_request'],
    ['headers that never end', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'request_timeout'],
    ['a body that never ends', `${head}Content-Length: 5\r\n\r\n{`, 408, 'request_timeout'],
  ])('%s', async (_name, bytes, status, code) => {
    const answer = await send(bytes, status === 408 ? hastyPort : patientPort)
    const [lines = '', body = ''] = answer.split('\r\n\r\n')
    expect(lines.split(' ')[1]).toBe(String(status))
    expect(lines).toMatch(/content-type: application\/problem\+json/i)
    expect(lines).toMatch(/connection: close/i)
    expect(JSON.parse(body)).toMatchObject({
      status,
      code,
      detail: expect.any(String),
      hint: expect.any(String),
    })
    expect(Number(/content-length: (\d+)/i.exec(lines)?.[1] ?? Buffer.byteLength(body))).toBe(
      Buffer.byteLength(body),
    )
  })

  it('answers the whole requests before it first', async () => {
    const answer = await send(`${whole}${whole}HELLO\r\n\r\n`, patientPort)
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400'])
  })
})
