/** The parts of an OpenAPI document that are looked at here. */
export interface OpenApiDocument {
  paths?: Record<string, Record<string, OpenApiOperation>>
  components?: { schemas?: Record<string, unknown>; responses?: Record<string, unknown> }
}

interface OpenApiOperation {
  operationId?: string
  security?: readonly unknown[]
  requestBody?: unknown
  responses: Record<string, { description?: string; $ref?: string; headers?: unknown }>
  readonly 'x-critical'?: boolean
}

/** What each status of a refusal means, in the order in which a request meets them. */
const refusals: Readonly<Record<number, string>> = {
  400: 'Malformed: the JSON, a header, or a cursor of another list',
  401: 'No API token, or none that is valid here',
  403: 'The API token lacks the scope: read for GET, write for the others, admin for /site and for decisions about transactions',
  404: 'There is no such row, and that is proven',
  409: 'It conflicts with what is there, or waits to be: the code says how, `details` name constraint and row',
  413: 'The body is too large, or holds too many values',
  415: 'The body is not JSON in plain UTF-8',
  422: 'A value, a column or a filter is not one that is known, or breaks a rule of the table: errors names each, `details` the constraint',
  500: 'Not foreseen: the document names the incident, the log has the cause',
  503: 'Not now. Send it again after Retry-After, a write with the same Idempotency-Key',
  507: 'The journal is full: nothing was recorded',
}

const done: Readonly<Record<string, string>> = {
  200: 'Done',
  201: 'Made: the answer holds its id',
  202: 'Taken: it takes effect a moment later',
}

/** RFC 9457, as every refusal is answered. */
const problemSchema = {
  type: 'object',
  description: 'A problem document (RFC 9457)',
  required: ['type', 'title', 'status', 'detail', 'code', 'hint'],
  properties: {
    type: { type: 'string', description: 'urn:outpost:error: and the code' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened, with the values' },
    code: { type: 'string', description: 'Stable; listed in the error reference' },
    hint: { type: 'string', description: 'What to do' },
    errors: {
      type: 'array',
      description: 'Each fault of a body, with its place',
      items: {
        type: 'object',
        required: ['path', 'code', 'message'],
        properties: { path: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' } },
      },
    },
    details: { type: 'object', additionalProperties: true },
  },
}

/** Adds to every operation what all have in common: a name, the refusals, the headers of its answer. Pure. */
export function completeDocument<Document extends OpenApiDocument>(document: Document): Document {
  const { schemas, ...components } = document.components ?? {}
  const paths = Object.entries(document.paths ?? {}).map(([path, operations]) => {
    const complete = Object.entries(operations).map(
      ([method, operation]) => [method, completeOperation(path, method, operation)] as const,
    )
    return [path, Object.fromEntries(complete)] as const
  })
  return {
    ...document,
    paths: Object.fromEntries(paths),
    components: {
      ...components,
      schemas: { ...schemas, Problem: problemSchema },
      responses: Object.fromEntries(Object.keys(refusals).map((status) => [nameOf(status), refusal(status)])),
    },
  }
}

function completeOperation(path: string, method: string, operation: OpenApiOperation): OpenApiOperation {
  const refused = statusesOf(path, method, operation)
    .filter((status) => operation.responses[status] === undefined)
    .map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }] as const)
  const answers = Object.entries(operation.responses).map(
    ([status, answer]) => [status, succeeded(status, answer, operation)] as const,
  )
  return {
    operationId: operationIdOf(path, method),
    ...operation,
    responses: { ...Object.fromEntries(answers), ...Object.fromEntries(refused) },
  }
}

/** Which refusals an operation can be answered with. */
function statusesOf(path: string, method: string, operation: OpenApiOperation): readonly number[] {
  if (operation.security?.length === 0) return [500]
  const isRead = method === 'get'
  const isOne = path.includes('{id}')
  return Object.keys(refusals)
    .map(Number)
    .filter((status) => {
      switch (status) {
        case 404:
          return isOne
        case 409:
          return !isRead
        case 413:
        case 415:
          return operation.requestBody !== undefined
        case 422:
          return isRead || operation.requestBody !== undefined
        case 507:
          return operation['x-critical'] === true
        default:
          return true
      }
    })
}

function succeeded(
  status: string,
  answer: OpenApiOperation['responses'][string],
  operation: OpenApiOperation,
): OpenApiOperation['responses'][string] {
  const { description = '' } = answer
  const isNamed = description !== '' && description !== 'Default Response'
  return {
    ...answer,
    description: isNamed ? description : (done[status] ?? refusals[Number(status)] ?? 'Answered'),
    ...(operation['x-critical'] === true ? { headers: recordedHeaders } : {}),
  }
}

const recordedHeaders = {
  'Outpost-Token': {
    description: 'Hand it back with a read, at any site, to be sure to see this write',
    schema: { type: 'string' },
  },
  'Idempotency-Replayed': {
    description: 'true when this is the stored answer of an earlier request with the same Idempotency-Key',
    schema: { type: 'string', enum: ['true'] },
  },
}

function refusal(status: string): unknown {
  const headers =
    status === '503'
      ? { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } }
      : status === '401'
        ? { 'WWW-Authenticate': { schema: { type: 'string' } } }
        : undefined
  return {
    description: refusals[Number(status)],
    ...(headers === undefined ? {} : { headers }),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

function nameOf(status: string | number): string {
  return `Problem${status}`
}

/** `PUT /executed_obs_units/{id}/finish` → `put_executed_obs_units_id_finish`. */
function operationIdOf(path: string, method: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return [method, ...words].join('_')
}
