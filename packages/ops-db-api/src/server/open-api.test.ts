import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TokenVerifier } from '../auth/authenticate.ts'
import { referenceResources } from '../resources/reference-resources.ts'
import { buildServer } from './build-server.ts'

interface Answer {
  readonly $ref?: string
  readonly description?: string
  readonly content?: Readonly<Record<string, { readonly schema: unknown }>>
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required?: boolean }[]
  readonly responses: Readonly<Record<string, Answer>>
}
interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly security: readonly unknown[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly securitySchemes: Readonly<Record<string, unknown>> }
}

let app: FastifyInstance
let document: Document
let operations: readonly (Operation & {
  readonly name: string
  readonly path: string
  readonly method: string
})[]
let routes: readonly string[]

beforeAll(async () => {
  const site = { name: 'observatory', type: 'secondary' } as Site
  app = await buildServer({ site, tokens: {} as TokenVerifier })
  document = (await app.inject({ url: '/docs/json' })).json()
  operations = Object.entries(document.paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]) => ({
      ...operation,
      path,
      method,
      name: `${method.toUpperCase()} ${path}`,
    })),
  )
  routes = routesIn(app.printRoutes({ commonPrefix: false }))
})
afterAll(() => app.close())

/** `METHOD /path/{parameter}` of every route, from the tree that fastify prints: four columns a level. */
function routesIn(tree: string): readonly string[] {
  const above: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods = ''] = /^(.*?[├└]── )(\S+) \(([A-Z, ]+)\)/.exec(line) ?? []
    above.splice(indent.length / 4 - 1, above.length, part)
    const path = above.join('').replace(/:(\w+)/g, '{$1}')
    return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${path}`)
  })
}

const resolve = (ref: string): unknown =>
  ref
    .replace('#/', '')
    .split('/')
    .reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>> | undefined)?.[name], document)

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' ? [member] : refsIn(member),
  )
}

describe('the OpenAPI document', () => {
  it('is of version 3.1, names its credentials, and every reference leads somewhere', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: expect.any(String), version: expect.any(String) },
    })
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } })
    for (const requirement of document.security)
      expect(Object.keys(document.components.securitySchemes)).toEqual(
        expect.arrayContaining(Object.keys(requirement as object)),
      )
    const refs = refsIn(document)
    expect(refs.length).toBeGreaterThan(0)
    for (const ref of refs) expect({ ref, target: resolve(ref) }).toEqual({ ref, target: expect.anything() })
  })

  it('describes every route', () => {
    const served = routes.filter((route) => !/^HEAD |^GET \/docs/.test(route))
    expect(served).toContain('PUT /executed_obs_units/{id}/finish')
    expect(operations.map(({ name }) => name).sort()).toEqual([...served].sort())
  })

  it('gives every operation a name of its own, a summary and a tag', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
    for (const { name, summary, tags } of operations)
      expect({ name, summary, tags }).toEqual({
        name,
        summary: expect.stringMatching(/./),
        tags: [expect.any(String)],
      })
  })

  it('declares every parameter of a path, as required', () => {
    for (const { name, path, parameters = [] } of operations) {
      const declared = parameters
        .filter((one) => one.in === 'path' && one.required === true)
        .map((one) => one.name)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
      expect({ name, declared }).toEqual({ name, declared: inPath })
    }
  })

  it('says what every operation answers when it succeeds', () => {
    for (const { name, responses } of operations) {
      const succeeded = Object.entries(responses).filter(([status]) => status.startsWith('2'))
      expect({ name, count: succeeded.length }).toEqual({ name, count: 1 })
      for (const [, { description, content }] of succeeded) {
        expect({ name, description }).toEqual({
          name,
          description: expect.not.stringMatching(/^(Default Response)?$/),
        })
        expect({ name, schema: content?.['application/json']?.schema }).toEqual({
          name,
          schema: expect.any(Object),
        })
      }
    }
  })

  it('P9: says which problem documents every operation answers with', () => {
    for (const { name, responses, security } of operations) {
      const isPublic = security?.length === 0
      const refused = Object.entries(responses).filter(([status]) => /^[45]/.test(status))
      expect({ name, statuses: refused.map(([status]) => status) }).toEqual({
        name,
        statuses: expect.arrayContaining(isPublic ? ['500'] : ['400', '401', '403', '500', '503']),
      })
      for (const [status, answer] of refused) {
        if (name === 'GET /health/ready' && status === '503') continue
        const { content, description } = resolve(answer.$ref ?? '') as Answer
        expect(description).toMatch(/./)
        expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
      }
    }
  })

  it('is pointed at from the first address, without a token', async () => {
    const first = await app.inject({ url: '/' })
    expect(first.json()).toMatchObject({
      site: { name: 'observatory', type: 'secondary' },
      health: '/health',
    })
    for (const name of ['docs', 'openapi'])
      expect((await app.inject({ url: first.json()[name] })).statusCode).toBe(200)
  })

  it('needs no token for health and the first address, and one for everything else', () => {
    const open = operations.filter(({ security }) => security !== undefined)
    expect(open.map(({ name, security }) => ({ name, security }))).toEqual([
      { name: 'GET /health', security: [] },
      { name: 'GET /health/ready', security: [] },
      { name: 'GET /', security: [] },
    ])
  })

  it('answers what was made with 201, and takes an Idempotency-Key with every write of a row', () => {
    for (const { path } of referenceResources)
      expect(document.paths[`/${path}`]?.post?.responses).toHaveProperty('201')
    const writes = operations.filter(({ method, path }) => method !== 'get' && !path.startsWith('/site/'))
    expect(writes.length).toBeGreaterThan(20)
    for (const { name, parameters = [] } of writes)
      expect({
        name,
        headers: parameters.filter((one) => one.in === 'header').map((one) => one.name),
      }).toEqual({
        name,
        headers: ['idempotency-key'],
      })
  })

  it('knows its articles', () => {
    const summaries = operations.map(({ summary }) => summary).join('\n')
    expect(summaries).toContain('an observing program')
    expect(summaries).not.toMatch(/\ba [aeiou]|\ban [^aeiou]/i)
  })
})
