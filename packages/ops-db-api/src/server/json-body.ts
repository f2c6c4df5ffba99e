import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import { measureJson } from './measure-json.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Most members and items of a body of this route; {@link usualBodyValues} when left out. */
    readonly maxBodyValues?: number
  }
}

/** Most members and items of a body: more would keep all other requests waiting for longer than 100 ms. */
export const usualBodyValues = 20_000
export const maxBodyDepth = 32

/**
 * Takes bodies of JSON in UTF-8 and no others: what would be read as something else than what was sent is refused.
 * Errors: `unsupported_media_type`, `malformed_json`, `body_too_large`, `body_too_deep`.
 */
export function installJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addHook('preParsing', async (request) => assertPlainUtf8(request))
  app.addContentTypeParser(
    ['application/json', 'application/json-patch+json'],
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) =>
      parseBody(body, request.routeOptions.config.maxBodyValues ?? usualBodyValues),
  )
}

/** Before the body is read: fastify itself looks at neither header. */
function assertPlainUtf8({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new ProblemError('unsupported_media_type', `A body encoded with ${shown(encoding)} is not taken.`, {
      hint: 'Send the body as it is, without Content-Encoding.',
    })
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ProblemError('unsupported_media_type', `A body in ${shown(charset)} is not taken.`, {
      hint: 'Send JSON in UTF-8.',
    })
  }
}

/** Many clients name JSON as the type of a request without a body; that is no malformed JSON. */
function parseBody(bytes: Buffer, maxValues: number): unknown {
  if (!isUtf8(bytes)) throw new ProblemError('malformed_json', 'The body is not valid UTF-8.')
  assertMeasure(bytes, maxValues)
  const text = bytes.toString('utf8').replace(/^\ufeff/, '')
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    // The message itself quotes the body.
    const at = /position \d+/.exec(error instanceof Error ? error.message : '')?.[0]
    throw new ProblemError(
      'malformed_json',
      `The body is not valid JSON${at === undefined ? '' : ` (${at})`}.`,
    )
  }
}

function assertMeasure(bytes: Buffer, maxValues: number): void {
  switch (measureJson(bytes, { values: maxValues, depth: maxBodyDepth })) {
    case 'fits':
      return
    case 'too_many':
      throw new ProblemError('body_too_large', `The body holds more than ${maxValues} members and items.`)
    case 'too_deep':
      throw new ProblemError(
        serviceCodes.body_too_deep,
        `The body is nested more than ${maxBodyDepth} levels deep.`,
      )
  }
}

function shown(text: string): string {
  return `'${text.slice(0, 64)}'`
}
