import Fastify, { type FastifyInstance } from 'fastify'
import { outpostPlugin } from 'outpost/fastify'
import type { Site } from 'outpost/site'
import Type from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bulkFilesBody, configurationBody, maxBulkValues, startBody } from '../recording/bodies.ts'
import { installBodyValidation } from './body-validation.ts'
import { usualBodyValues } from './json-body.ts'

/** Bodies that reached a route: of those that are refused, none. */
const taken: unknown[] = []
let app: FastifyInstance

beforeAll(async () => {
  app = Fastify({ bodyLimit: 8 * 1024 * 1024 })
  installBodyValidation(app)
  await app.register(outpostPlugin, { site: {} as Site })
  const routes = { start: startBody, configuration: configurationBody, any: Type.Unknown() }
  for (const [name, body] of Object.entries(routes)) {
    app.post(`/${name}`, { schema: { body } }, (request) => ({ length: taken.push(request.body) }))
  }
  const config = { maxBodyValues: maxBulkValues }
  app.post('/files', { schema: { body: bulkFilesBody }, config }, (request) => ({
    length: taken.push(request.body),
  }))
})
afterAll(() => app.close())

const json = { 'content-type': 'application/json' }
const latin1 = Buffer.from('{"obs_unit_id":1,"notes":"Ångström"}', 'latin1')
const utf16 = Buffer.from('{"obs_unit_id":1}', 'utf16le')

async function post(route: string, payload: string | Buffer, headers: Record<string, string> = json) {
  taken.length = 0
  const answer = await app.inject({ method: 'POST', url: `/${route}`, headers, payload })
  return { status: answer.statusCode, problem: answer.json() }
}

describe('P9: a body that is not JSON in plain UTF-8 is refused, not guessed at', () => {
  it.each<[string, string | Buffer, Record<string, string>, number, string]>([
    ['bytes that are no UTF-8', latin1, json, 400, 'malformed_json'],
    [
      'half of a character',
      Buffer.from('{"obs_unit_id":1,"notes":"\u{1f52d}').subarray(0, -1),
      json,
      400,
      'malformed_json',
    ],
    ['UTF-16 that says nothing', utf16, json, 400, 'malformed_json'],
    [
      'UTF-16 that says so',
      utf16,
      { 'content-type': 'application/json; charset=utf-16' },
      415,
      'unsupported_media_type',
    ],
    [
      'Latin-1 that says so',
      latin1,
      { 'content-type': 'application/json;charset="iso-8859-1"' },
      415,
      'unsupported_media_type',
    ],
    ['gzip', '\x1f\x8b', { ...json, 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['deflate, br', 'x', { ...json, 'content-encoding': 'deflate, br' }, 415, 'unsupported_media_type'],
    ['plain text', '{"obs_unit_id":1}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['no type', '{"obs_unit_id":1}', { 'content-length': '17' }, 415, 'unsupported_media_type'],
    [
      'a form',
      'obs_unit_id=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['a member __proto__', '{"obs_unit_id":1,"__proto__":{"a":1}}', json, 422, 'unknown_column'],
    ['a member constructor', '{"obs_unit_id":1,"constructor":{"prototype":{}}}', json, 422, 'unknown_column'],
    ['JSON with a comment', '{"obs_unit_id":1} // one', json, 400, 'malformed_json'],
    ['JSON after JSON', '{"obs_unit_id":1}{}', json, 400, 'malformed_json'],
  ])('%s', async (_name, payload, headers, status, code) => {
    const answer = await post('start', payload, headers)
    expect(answer).toMatchObject({ status, problem: { status, code, hint: expect.any(String) } })
    expect(taken).toEqual([])
  })

  it('a member __proto__ inside of free JSON, with its place', async () => {
    const { problem } = await post(
      'configuration',
      '{"instrument_module_id":1,"parameters":{"a":[{"__proto__":1}]}}',
    )
    expect(problem.errors).toEqual([
      { path: '/parameters/a/0/__proto__', code: 'unknown_column', message: 'is not known here' },
    ])
  })

  it.each<[string, string, Record<string, string>]>([
    [
      'UTF-8 that says so',
      '{"obs_unit_id":1,"notes":"Ångström 🔭"}',
      { 'content-type': 'application/json; charset=UTF-8' },
    ],
    ['a byte order mark', '\ufeff{"obs_unit_id":1}', json],
    ['the coding that is none', '{"obs_unit_id":1}', { ...json, 'content-encoding': 'identity' }],
  ])('takes %s', async (_name, payload, headers) => {
    expect(await post('start', payload, headers)).toMatchObject({ status: 200 })
    expect(taken[0]).toEqual(JSON.parse(payload.replace('\ufeff', '')))
  })
})

const times = (count: number, one: (index: number) => string) =>
  Array.from({ length: count }, (_none, index) => one(index)).join(',')
const file = (index: number, more = '') =>
  `{"executed_obs_unit_id":"0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4","name":"${index}"${more}}`

describe('P9, P11: no body keeps the others waiting', () => {
  const members = times(300_000, (index) => `"k${index}":1`)
  const bulk = (files: string, more = '') => `{"files":[${files}]${more}}`

  it.each<[string, string, string, string]>([
    ['300,000 members', 'start', `{${members}}`, 'body_too_large'],
    [
      '300,000 members of a parameter',
      'configuration',
      `{"parameters":{"a":{${members}}}}`,
      'body_too_large',
    ],
    ['a million files', 'files', bulk(times(1_000_000, () => '{}')), 'body_too_large'],
    [
      'as many unknown members as a bulk call may hold',
      'files',
      `{${times(maxBulkValues - 10, (n) => `"k${n}":1`)}}`,
      'missing_value',
    ],
    [
      'an unknown member in each of 10,000 files',
      'files',
      bulk(times(10_000, (n) => file(n, ',"x":1'))),
      'unknown_column',
    ],
    ['one wrong file after 9,999', 'files', bulk(`${times(9_999, file)},{}`), 'missing_value'],
    ['megabytes of brackets', 'any', '['.repeat(3_000_000), 'body_too_deep'],
    [
      'megabytes of text',
      'start',
      `{"obs_unit_id":1,"notes":"${'👨‍👩‍👧'.repeat(300_000)}"}`,
      'invalid_value',
    ],
  ])('%s', async (_name, route, payload, code) => {
    const bytes = Buffer.from(payload)
    // The least of three: compiling and collecting for other tests counts as this process's time, too.
    let leastMs = Number.POSITIVE_INFINITY
    for (let round = 1; round <= 3; round++) {
      const before = process.cpuUsage()
      const { problem } = await post(route, bytes)
      leastMs = Math.min(leastMs, process.cpuUsage(before).user / 1_000)
      expect(problem).toMatchObject({ code })
      expect(taken).toEqual([])
    }
    // About 30 ms; without the bounds the first takes over a second.
    expect(leastMs).toBeLessThan(300)
  })

  it('takes as much as is promised', async () => {
    const whole =
      ',"instrument_module_id":1,"relative_path":"p","size_bytes":1,"checksum":"c","file_type":"f"'
    expect(await post('files', bulk(times(10_000, (n) => file(n, whole))))).toMatchObject({ status: 200 })
    const numbers = times(usualBodyValues - 10, String)
    expect(
      await post('configuration', `{"instrument_module_id":1,"parameters":{"a":[${numbers}]}}`),
    ).toMatchObject({
      status: 200,
    })
  })

  it('names the file that is wrong', async () => {
    const { problem } = await post('files', bulk(`${times(3, file)},{"name":""}`))
    expect(problem.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      '/files/3/executed_obs_unit_id',
      '/files/3/name',
    ])
  })
})
