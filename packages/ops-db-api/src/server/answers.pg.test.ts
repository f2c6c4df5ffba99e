import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import type { FastifyInstance } from 'fastify'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { openSite, type Site } from 'outpost/site'
import { Compile } from 'typebox/compile'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { opsDbMigrations } from '../migrations/migrations.ts'
import { sitePreflight } from '../recording/site-preflight.ts'
import { seedReferenceData } from '../reference/seed-reference-data.ts'
import { recordedResources } from '../resources/recorded-resources.ts'
import { referenceResources } from '../resources/reference-resources.ts'
import { buildServer } from './build-server.ts'

interface Answer {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
  readonly $ref?: string
}

type Paths = Readonly<
  Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Answer>> }>>>
>

describeEachPostgres('what the API answers', (pg) => {
  // As `site grant` sets it on a site's role: compiling one merged read takes seconds.
  const server = useServer(pg, { config: { jit: 'off' } })
  let folder: string
  let site: Site
  let app: FastifyInstance
  let paths: Paths
  let problem: object

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'answers-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    await client.end()
    const main = { host: server().host, port: server().port, user: 'postgres', database: 'postgres' }
    site = await openSite({
      name: 'main',
      type: 'main',
      journalPath: folder,
      secretKey: 'a secret of the tests',
      main,
      preflight: sitePreflight({ budgetMs: 5_000 }),
    })
    const token = { id: 1, name: 'test', prefix: 'a', sha256: 'b', scopes: ['admin'] as const }
    app = await buildServer({ site, tokens: { verify: () => Promise.resolve(token) }, checkBudgetMs: 5_000 })
    const document = (await app.inject({ url: '/docs/json' })).json()
    paths = document.paths
    problem = document.components.schemas.Problem
  })
  afterAll(async () => {
    await app.close()
    await site.stop()
    await rm(folder, { recursive: true })
  })

  /** Calls `METHOD /path/{id}` and holds the answer against its description. */
  async function call(operation: string, id?: unknown, body?: unknown, query = '') {
    const [method = '', path = ''] = operation.split(' ')
    const answer = await app.inject({
      method: method as 'GET',
      url: `${path.replace('{id}', String(id))}${query}`,
      headers: { authorization: 'Bearer x' },
      ...(body === undefined ? {} : { payload: body as object }),
    })
    const described = paths[path]?.[method.toLowerCase()]?.responses[answer.statusCode]
    expect({ operation, status: answer.statusCode, described }).toMatchObject({
      described: expect.anything(),
    })
    const isProblem = described?.$ref !== undefined
    const mediaType = isProblem ? 'application/problem+json' : 'application/json'
    expect(String(answer.headers['content-type'])).toMatch(new RegExp(`^${mediaType.replace('+', '\\+')}`))
    const schema = isProblem ? problem : (described?.content?.[mediaType]?.schema ?? {})
    expect({ operation, errors: Compile(schema).Errors(answer.json()) }).toEqual({ operation, errors: [] })
    return { status: answer.statusCode, body: answer.json() }
  }

  it('P9: is what the OpenAPI document describes: every write and every read of a night', async () => {
    const unit = (await call('POST /executed_obs_units/start', undefined, { obs_unit_id: 1, pwv_mm: 0.4 }))
      .body.id
    await call('PUT /executed_obs_units/{id}/status', unit, { status: 'paused' })
    const configuration = { instrument_module_id: 1, parameters: { bias: [1, null] } }
    await call('POST /executed_obs_units/{id}/instrument_configurations', unit, configuration)
    const file = { executed_obs_unit_id: unit, name: 'a', instrument_module_id: 1, size_bytes: 1 }
    await call('POST /raw_data_files', undefined, file)
    await call('POST /raw_data_files/bulk', undefined, { files: [{ executed_obs_unit_id: unit, name: 'b' }] })
    const packed = { executed_obs_unit_id: unit, name: 'p', instrument_module_id: 1 }
    const { id } = (await call('POST /raw_data_packages', undefined, packed)).body
    await call('PUT /raw_data_packages/{id}/finalize', id, {})
    const planned = { raw_data_package_id: id, origin_id: 1, destination_id: 2 }
    const transfer = (await call('POST /data_transfers', undefined, planned)).body.id
    await call('PUT /data_transfers/{id}/status', transfer, { status: 'running', bytes: 1 })
    const finished = await call('PUT /executed_obs_units/{id}/finish', unit, {})
    for (const { path } of [...recordedResources, ...referenceResources]) {
      const { items } = (await call(`GET /${path}`, undefined, undefined, '?limit=5&count=true')).body
      expect(items.length).toBeGreaterThan(0)
      await call(`GET /${path}/{id}`, items[0].id)
    }
    await call('GET /api/transfer/overview')
    await call('GET /transactions', undefined, undefined, '?limit=3')
    await call('GET /transactions/{id}', finished.body.transaction_id)
    for (const path of ['/', '/health', '/health/ready', '/buffer-stats']) await call(`GET ${path}`)
  })

  it('P9: is what the OpenAPI document describes: reference data and refusals', async () => {
    const source = (await call('POST /sources', undefined, { name: 'a new one', type: 'constant_elevation' }))
      .body
    expect(await call('PUT /sources/{id}', source.id, { note: 'seen' })).toMatchObject({ status: 200 })
    expect(await call('POST /sources', undefined, { name: 'a new one', type: 'fixed' })).toMatchObject({
      status: 422,
    })
    expect(
      await call('POST /sources', undefined, { name: 'a new one', type: 'constant_elevation' }),
    ).toMatchObject({
      status: 409,
      body: { code: 'already_exists' },
    })
    expect(await call('PUT /sources/{id}', 999_999, { note: 'x' })).toMatchObject({ status: 404 })
    expect(await call('GET /sources', undefined, undefined, '?colour=red')).toMatchObject({ status: 422 })
    expect(await call('GET /sources', undefined, undefined, '?cursor=x')).toMatchObject({ status: 400 })
    expect(await call('GET /transactions/{id}', 'x')).toMatchObject({ status: 404 })
    expect(await call('POST /site/accept-main')).toMatchObject({ status: 409 })
    expect(await call('POST /site/resume')).toMatchObject({
      status: 409,
      body: { code: 'nothing_to_resume' },
    })
  })
})
