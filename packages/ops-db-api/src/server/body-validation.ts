import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { ProblemError, validationProblem } from 'outpost/fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { assertStorable } from '../text-hygiene.ts'

/**
 * Bodies are validated as they are: nothing is coerced, removed or defaulted, so a wrong type or an unknown member
 * is told instead of swallowed. Query strings and paths have parsers of their own; their schemas only document.
 */
export function installBodyValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileBody)
  // Answers are plain JSON; the schemas of answers, where given, only document.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  takeEmptyBodies(app)
  app.addHook('preValidation', async (request) => {
    if (request.method === 'PUT' && request.body === undefined) request.body = {}
    assertStorable(request.body)
  })
}

const compileBody: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart !== 'body') return () => true
  const validator = Compile(schema)
  return (body: unknown) => {
    if (validator.Check(body)) return true
    const problem = validationProblem(validator.Errors(body))
    return { error: new ValidationFailed(problem) }
  }
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

/** Many clients name JSON as the type of a request without a body; that is no malformed JSON. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString()
    if (text.trim() === '') done(null, undefined)
    else void parse(request, text, done)
  })
}
