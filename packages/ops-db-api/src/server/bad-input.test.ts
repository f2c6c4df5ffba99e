import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TokenVerifier } from '../auth/authenticate.ts'
import type { Scope } from '../auth/scope.ts'
import { serviceCodes } from '../service-codes.ts'
import { bodyLimitBytes, buildServer } from './build-server.ts'

/** What the site was asked to do: for bad input, nothing. */
const touched: string[] = []

/** A site that records which of its methods a request reached, and does nothing. */
const site = new Proxy({} as Site, {
  get: (_target, name) => {
    if (name === 'name') return 'observatory'
    return () => {
      touched.push(String(name))
      throw new Error('postgres://outpost:hunter2@10.0.0.1/ops_db')
    }
  },
})

const tokens: TokenVerifier = {
  verify: (token) => {
    if (!token.startsWith('good-'))
      return Promise.reject(new ProblemError(serviceCodes.token_unknown, 'Not known.'))
    const scopes = token.slice(5).split('+') as Scope[]
    return Promise.resolve({ id: 1, name: 'test', prefix: 'aa', sha256: 'bb', scopes })
  },
}

let app: FastifyInstance
beforeAll(async () => {
  app = await buildServer({ site, tokens })
})
afterAll(() => app.close())
beforeEach(() => {
  touched.length = 0
})

const id = '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4'
const start = '/executed_obs_units/start'
const headers = { authorization: 'Bearer good-read+write', 'content-type': 'application/json' }

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

async function call(method: Method, url: string, payload?: unknown, more: Record<string, string> = {}) {
  const body =
    payload === undefined ? {} : { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }
  return app.inject({ method, url, headers: { ...headers, ...more }, ...body })
}

function expectProblem(answer: Awaited<ReturnType<typeof call>>, status: number, code: string): void {
  expect({ status: answer.statusCode, code: answer.json().code, body: answer.body }).toMatchObject({
    status,
    code,
  })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(Object.keys(answer.json())).toEqual(
    expect.arrayContaining(['type', 'title', 'status', 'detail', 'code', 'hint']),
  )
  expect(answer.body).not.toMatch(/hunter2|postgres:|node_modules|\.ts:\d/)
}

describe('P9: bad input gets a problem document and never reaches the site', () => {
  it.each<[string, Method, string, unknown, number, string]>([
    ['unknown column', 'POST', start, { obs_unit_id: 1, colour: 'red' }, 422, 'unknown_column'],
    [
      'unknown column of a file in a list',
      'POST',
      '/raw_data_files/bulk',
      { files: [{ executed_obs_unit_id: id, name: 'a', x: 1 }] },
      422,
      'unknown_column',
    ],
    ['__proto__', 'POST', start, '{"obs_unit_id":1,"__proto__":{"a":1}}', 422, 'unknown_column'],
    ['wrong type', 'POST', start, { obs_unit_id: '1' }, 422, 'invalid_value'],
    ['number for a text', 'POST', start, { obs_unit_id: 1, notes: 5 }, 422, 'invalid_value'],
    ['list for a body', 'POST', start, [], 422, 'invalid_value'],
    ['missing column', 'POST', start, {}, 422, 'missing_value'],
    ['no body', 'POST', start, undefined, 422, 'invalid_value'],
    ['over-long text', 'POST', start, { obs_unit_id: 1, notes: 'x'.repeat(10_001) }, 422, 'invalid_value'],
    [
      'over-long name',
      'POST',
      '/raw_data_files',
      { executed_obs_unit_id: id, name: 'x'.repeat(256) },
      422,
      'invalid_value',
    ],
    ['empty name', 'POST', '/raw_data_files', { executed_obs_unit_id: id, name: '' }, 422, 'invalid_value'],
    ['malformed JSON', 'POST', start, '{"obs_unit_id":', 400, 'malformed_json'],
    ['text that is no JSON', 'POST', start, 'DROP TABLE source', 400, 'malformed_json'],
    ['NUL byte', 'POST', start, { obs_unit_id: 1, notes: 'a\0b' }, 422, 'text_refused'],
    [
      'NUL byte in a JSON value',
      'POST',
      `/executed_obs_units/${id}/instrument_configurations`,
      { instrument_module_id: 1, parameters: { a: ['\0'] } },
      422,
      'text_refused',
    ],
    ['lone surrogate', 'POST', start, '{"obs_unit_id":1,"notes":"\\ud800"}', 422, 'text_refused'],
    ['huge whole number', 'POST', start, { obs_unit_id: 2 ** 31 }, 422, 'invalid_value'],
    [
      'number beyond double precision',
      'POST',
      start,
      '{"obs_unit_id":1,"pwv_mm":1e400}',
      422,
      'invalid_value',
    ],
    [
      'size beyond exact numbers',
      'POST',
      '/raw_data_files',
      { executed_obs_unit_id: id, name: 'a', size_bytes: 2 ** 53 },
      422,
      'invalid_value',
    ],
    [
      'negative size',
      'POST',
      '/raw_data_files',
      { executed_obs_unit_id: id, name: 'a', size_bytes: -1 },
      422,
      'invalid_value',
    ],
    [
      'time without a zone',
      'POST',
      start,
      { obs_unit_id: 1, start_time: '2026-04-15T22:00:00' },
      422,
      'invalid_value',
    ],
    [
      'time that does not exist',
      'POST',
      start,
      { obs_unit_id: 1, start_time: '2026-02-31T22:00:00Z' },
      422,
      'invalid_value',
    ],
    [
      'SQL for a time',
      'POST',
      start,
      { obs_unit_id: 1, start_time: 'now(); DROP TABLE source; --' },
      422,
      'invalid_value',
    ],
    [
      'SQL for an id',
      'PUT',
      `/executed_obs_units/${encodeURIComponent("' OR 1=1 --")}/finish`,
      {},
      422,
      'invalid_value',
    ],
    [
      'SQL for a status',
      'PUT',
      `/executed_obs_units/${id}/finish`,
      { status: "completed' --" },
      422,
      'invalid_value',
    ],
    [
      'status that is no end',
      'PUT',
      `/executed_obs_units/${id}/finish`,
      { status: 'running' },
      422,
      'invalid_value',
    ],
    [
      'SQL for a column',
      'GET',
      `/sources?${encodeURIComponent('name; DROP TABLE source')}=1`,
      undefined,
      422,
      'filter_unknown',
    ],
    [
      'SQL for a sort',
      'GET',
      `/sources?sort=${encodeURIComponent('name; DROP TABLE source')}`,
      undefined,
      422,
      'filter_unknown',
    ],
    ['malformed cursor', 'GET', '/sources?cursor=%00', undefined, 400, 'cursor_invalid'],
    ['unknown parameter', 'GET', '/transactions?colour=red', undefined, 422, 'unknown_column'],
    ['unknown state', 'GET', '/transactions?state=lost', undefined, 422, 'invalid_value'],
    ['no files', 'POST', '/raw_data_files/bulk', { files: [] }, 422, 'invalid_value'],
    [
      'too many files',
      'POST',
      '/raw_data_files/bulk',
      { files: Array.from({ length: 10_001 }, () => ({ executed_obs_unit_id: id, name: 'a' })) },
      422,
      'invalid_value',
    ],
    [
      'one file twice',
      'POST',
      '/raw_data_files/bulk',
      { files: [1, 2].map(() => ({ executed_obs_unit_id: id, name: 'a', instrument_module_id: 1 })) },
      422,
      'duplicate_id',
    ],
    [
      'origin as destination',
      'POST',
      '/data_transfers',
      { raw_data_package_id: id, origin_id: 1, destination_id: 1 },
      422,
      'same_place',
    ],
    ['change of nothing', 'PUT', '/sources/1', {}, 422, 'nothing_to_change'],
    ['unknown path', 'GET', '/nothing', undefined, 404, 'route_unknown'],
    ['unknown method', 'PATCH', start, {}, 404, 'route_unknown'],
  ])('%s', async (_name, method, url, body, status, code) => {
    expectProblem(await call(method, url, body), status, code)
    expect(touched.filter((name) => name !== 'transaction')).toEqual([])
  })

  it('deep nesting', async () => {
    const body = `{"instrument_module_id":1,"parameters":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`
    expectProblem(
      await call('POST', `/executed_obs_units/${id}/instrument_configurations`, body),
      422,
      'body_too_deep',
    )
    expect(touched).toEqual([])
  })

  it('a body of another type', async () => {
    expectProblem(
      await call('POST', start, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported_media_type',
    )
  })

  it('a body whose type is not told, as of `curl -d`: the detail says which is wanted', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await call('POST', start, { obs_unit_id: 1 }, form)
    expect(answer.json().detail).toContain('Content-Type: application/json')
  })

  it('a status that there is none of: the detail names those that there are', async () => {
    const answer = await call('PUT', `/executed_obs_units/${id}/status`, { status: 'bogus' })
    expectProblem(answer, 422, 'invalid_value')
    expect(answer.json().detail).toMatch(/^\/status: is not one of .*running, .*completed/)
  })

  it('an Idempotency-Key that is too long', async () => {
    const answer = await call(
      'POST',
      '/sources',
      { name: 'x', type: 'constant_elevation' },
      { 'idempotency-key': 'k'.repeat(256) },
    )
    expectProblem(answer, 400, 'idempotency_key_invalid')
    expect(touched).toEqual([])
  })

  it('an Outpost-Token that is too long', async () => {
    expectProblem(
      await call('GET', '/sources', undefined, { 'outpost-token': 't'.repeat(4_097) }),
      400,
      'token_invalid',
    )
    expect(touched).toEqual([])
  })

  it('tells every mistake at once, and where', async () => {
    const answer = await call('POST', start, { obs_unit_id: 'x', pwv_mm: -1, colour: 1 })
    const places = answer.json().errors.map((item: { path: string }) => item.path)
    expect(places.sort()).toEqual(['/colour', '/obs_unit_id', '/pwv_mm'])
  })

  it('a body of 20 MB, over a real connection', async () => {
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const body = JSON.stringify({ obs_unit_id: 1, notes: 'x'.repeat(20 * 1024 * 1024) })
    const answer = await fetch(`${address}${start}`, { method: 'POST', headers, body })
    expect(answer.status).toBe(413)
    expect(await answer.json()).toMatchObject({ code: 'body_too_large', status: 413 })
    expect(body.length).toBeGreaterThan(bodyLimitBytes)
    expect(touched).toEqual([])
  })
})

describe('P11: a request that does not arrive', () => {
  it.each([
    ['its headers', ''],
    ['its body', 'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{'],
  ])('is given up in time when %s never end', async (_what, rest) => {
    const hasty = await buildServer({ site, tokens, requestTimeoutMs: 400 })
    const { port } = new URL(await hasty.listen({ host: '127.0.0.1', port: 0 }))
    const startedMs = performance.now()
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`POST ${start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-write\r\n${rest}`)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    const answer = Buffer.concat(chunks).toString()
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('request_timeout')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    await hasty.close()
    expect(app.server.headersTimeout).toBeLessThanOrEqual(app.server.requestTimeout)
  })
})

describe('P9: only who may, does', () => {
  it.each([
    ['no token', {}, 401, 'token_missing'],
    ['no bearer', { authorization: 'Basic Z29vZA==' }, 401, 'token_missing'],
    ['an unknown token', { authorization: 'Bearer bad' }, 401, 'token_unknown'],
    ['a reader', { authorization: 'Bearer good-read' }, 403, 'scope_missing'],
  ])('%s cannot write', async (_name, authorization, status, code) => {
    const answer = await app.inject({
      method: 'POST',
      url: start,
      headers: authorization,
      payload: { obs_unit_id: 1 },
    })
    expectProblem(answer, status, code)
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    expect(touched).toEqual([])
  })

  it.each(['/sources', '/transactions', '/buffer-stats', '/api/transfer/overview', '/nothing'])(
    '%s needs a token',
    async (url) => {
      expectProblem(await app.inject({ method: 'GET', url }), 401, 'token_missing')
    },
  )

  it('the API description needs none, and names every path', async () => {
    expect((await app.inject({ method: 'GET', url: '/docs' })).statusCode).toBeLessThan(400)
    const { paths, components } = (await app.inject({ method: 'GET', url: '/docs/json' })).json()
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/executed_obs_units/start',
        '/raw_data_files/bulk',
        '/transactions/{id}',
        '/health',
        '/api/transfer/overview',
      ]),
    )
    expect(components.securitySchemes).toHaveProperty('bearer')
  })
})

describe('P9: what nobody foresaw', () => {
  it('is answered with an incident number and leaks nothing', async () => {
    expectProblem(await call('GET', '/buffer-stats'), 500, 'internal_error')
    expectProblem(await call('GET', '/sources'), 500, 'internal_error')
    expect(touched).toEqual(['bufferStatistics', 'read'])
  })
})
