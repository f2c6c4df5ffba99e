import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { ProblemError, type ValidationFinding, validationProblem } from 'outpost/fastify'
import Type, { type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { assertStorable } from '../text-hygiene.ts'
import { installJsonBodies } from './json-body.ts'

/**
 * Bodies are validated as they are: nothing is coerced, removed or defaulted, so a wrong type or an unknown member
 * is told instead of swallowed. Query strings and paths have parsers of their own; their schemas only document.
 */
export function installBodyValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileBody)
  // Answers are plain JSON; the schemas of answers, where given, only document.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  installJsonBodies(app)
  app.addHook('preValidation', async (request) => {
    if (request.method === 'PUT' && request.body === undefined) request.body = {}
    assertStorable(request.body)
  })
}

const compileBody: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart !== 'body') return () => true
  const findingsOf = compileFindings(schema)
  return (body: unknown) => {
    const findings = findingsOf(body)
    return findings.length === 0 ? true : { error: new ValidationFailed(validationProblem(findings)) }
  }
}

/** What a validator says about a body; nothing when it is right. */
type Findings = (body: unknown) => readonly ValidationFinding[]

/**
 * Says what is wrong with a body at a bounded cost. A check is fast and says yes or no; finding out what is wrong with
 * 10,000 files, or with as many unknown members, would take as long as a hundred requests. So lists are looked through
 * item by item, up to the first that is wrong, and of unknown members only the first are told.
 */
function compileFindings(schema: TSchema): Findings {
  const lists = listsOf(schema)
  const findingsOfWhole = compileBounded(withoutItems(schema, lists))
  const items = lists.map(([name, list]) => [name, Compile(list.items), compileBounded(list.items)] as const)
  return (body) => {
    const findings = findingsOfWhole(body)
    if (findings.length > 0) return findings
    for (const [name, item, findingsOfItem] of items) {
      const values = (body as Readonly<Record<string, readonly unknown[] | undefined>>)[name] ?? []
      const wrong = values.findIndex((value) => !item.Check(value))
      if (wrong >= 0)
        return findingsOfItem(values[wrong]).map((finding) => below(`/${name}/${wrong}`, finding))
    }
    return []
  }
}

const maxUnknownNames = 20

/** The findings of a closed object without going into each unknown member. */
function compileBounded(schema: TSchema): Findings {
  const validator = Compile(schema)
  const { properties, additionalProperties } = schema as Partial<ObjectSchema>
  if (properties === undefined || additionalProperties !== false) return (value) => validator.Errors(value)
  const isKnown = (name: string) => Object.hasOwn(properties, name)
  return (value) => {
    if (validator.Check(value)) return []
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return validator.Errors(value)
    const unknown = Object.keys(value).filter((name) => !isKnown(name))
    const known = Object.fromEntries(Object.entries(value).filter(([name]) => isKnown(name)))
    const params = { additionalProperties: unknown.slice(0, maxUnknownNames) }
    const told = unknown.length === 0 ? [] : [{ keyword: 'additionalProperties', instancePath: '', params }]
    return [...validator.Errors(known), ...told]
  }
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, TSchema>>
  readonly additionalProperties: unknown
}
type ListSchema = TSchema & { readonly type: 'array'; readonly items: TSchema }

function listsOf(schema: TSchema): readonly (readonly [string, ListSchema])[] {
  const { properties = {} } = schema as Partial<ObjectSchema>
  return Object.entries(properties).filter((entry): entry is [string, ListSchema] => isList(entry[1]))
}

function isList(schema: TSchema): boolean {
  return (schema as Partial<ListSchema>).type === 'array'
}

function withoutItems(schema: TSchema, lists: readonly (readonly [string, ListSchema])[]): TSchema {
  const { properties = {} } = schema as Partial<ObjectSchema>
  const open = lists.map(([name, list]) => [name, { ...list, items: Type.Unknown() }] as const)
  return { ...schema, properties: { ...properties, ...Object.fromEntries(open) } } as TSchema
}

function below(path: string, finding: ValidationFinding): ValidationFinding {
  return { ...finding, instancePath: `${path}${finding.instancePath ?? ''}` }
}

/** Fastify passes on what a validator answers as an error. */
class ValidationFailed extends ProblemError {
  readonly statusCode = 422

  constructor(problem: ReturnType<typeof validationProblem>) {
    super(
      { code: problem.code, status: problem.status, meaning: problem.title, fix: problem.hint },
      problem.detail,
      {
        ...(problem.errors === undefined ? {} : { errors: problem.errors }),
      },
    )
  }
}
