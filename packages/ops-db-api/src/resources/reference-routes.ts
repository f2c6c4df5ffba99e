import type { FastifyInstance } from 'fastify'
import { isOutpostError, type Site } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import Type, { type TSchema } from 'typebox'
import { documented, writeHeaders } from '../documented.ts'
import { idempotencyOfRequest } from '../recording/record.ts'
import { serviceCodes } from '../service-codes.ts'
import { rowJson } from './column-json.ts'
import { isFilterValue } from './filter-value.ts'
import type { ReferenceResource } from './reference-resources.ts'
import { anOf } from './resource.ts'
import { columnSchemas, rowSchema } from './row-schema.ts'

type Body = Readonly<Record<string, string | number | boolean>>

/** `POST /<resource>` and `PUT /<resource>/{id}`: written straight to main, with the Idempotency-Key in the same transaction (N5). */
export function referenceRoutes(app: FastifyInstance, site: Site, resource: ReferenceResource): void {
  const make = documented(resource.path, `Make ${anOf(resource)} (needs main)`, {
    headers: writeHeaders,
    body: bodySchema(resource, true),
    response: { 201: rowSchema(resource) },
  })
  app.post<{ Body: Body }>(`/${resource.path}`, { schema: make }, async (request, reply) => {
    const { text, values } = insertSql(resource, request.body)
    const answer = await writeToMain(site, request, async (query) => {
      const [row = {}] = await query(text, values)
      return { status: 201, body: rowJson(resource, row) }
    })
    return reply.code(answer.status).send(answer.body)
  })

  const change = documented(resource.path, `Change columns of ${anOf(resource)} (needs main)`, {
    headers: writeHeaders,
    params: Type.Object({ id: columnSchemas.integer }),
    body: bodySchema(resource, false),
    response: { 200: rowSchema(resource) },
  })
  app.put<{ Params: { id: string }; Body: Body }>(
    `/${resource.path}/:id`,
    { schema: change },
    async (request, reply) => {
      const { id } = request.params
      if (!isFilterValue('integer', id))
        throw new ProblemError('invalid_value', `The id of ${anOf(resource)} is a whole number.`)
      const { text, values } = updateSql(resource, id, request.body)
      const answer = await writeToMain(site, request, async (query) => {
        const [row] = await query(text, values)
        if (row === undefined)
          throw new ProblemError(serviceCodes.not_found, `There is no ${resource.noun} with id ${id}.`)
        return { status: 200, body: rowJson(resource, row) }
      })
      return reply.code(answer.status).send(answer.body)
    },
  )
}

type Statements = Parameters<Site['writeMain']>[0]
type Request = Parameters<typeof idempotencyOfRequest>[1]

const stillWorks =
  'Recording observations, files, packages and transfers goes on, and so do reads; send this again when main is back.'

async function writeToMain(site: Site, request: Request, statements: Statements) {
  const idempotency = idempotencyOfRequest(site, request)
  try {
    return await site.writeMain(statements, idempotency === undefined ? {} : { idempotency })
  } catch (error) {
    if (!isOutpostError(error, 'main_unreachable')) throw error
    throw new ProblemError(
      'main_unreachable',
      'Reference data is written at main, and main does not answer.',
      {
        hint: stillWorks,
        retryAfterSeconds: 30,
        cause: error,
      },
    )
  }
}

/** Columns come from the validated body, whose members are those of the resource; values are bound. */
function insertSql(resource: ReferenceResource, body: Body) {
  const columns = Object.keys(body)
  const places = columns.map((_column, index) => `$${index + 1}`)
  const text = `INSERT INTO ${resource.table} (${columns.map(quoted).join(', ')}) VALUES (${places.join(', ')}) RETURNING *`
  return { text, values: Object.values(body) }
}

function updateSql(resource: ReferenceResource, id: string, body: Body) {
  const columns = Object.keys(body)
  if (columns.length === 0)
    throw new ProblemError(serviceCodes.nothing_to_change, 'The body names no column.')
  const sets = columns.map((column, index) => `${quoted(column)} = $${index + 2}`)
  const text = `UPDATE ${resource.table} SET ${sets.join(', ')} WHERE id = $1 RETURNING *`
  return { text, values: [id, ...Object.values(body)] }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function bodySchema(resource: ReferenceResource, isNew: boolean): TSchema {
  const { properties } = resource.writable as unknown as {
    readonly properties: Readonly<Record<string, TSchema>>
  }
  const isOptional = (name: string) => !isNew || !resource.required.includes(name)
  const members = Object.entries(properties).map(([name, schema]) => [
    name,
    isOptional(name) ? Type.Optional(schema) : schema,
  ])
  return Type.Object(Object.fromEntries(members) as Record<string, TSchema>, { additionalProperties: false })
}
