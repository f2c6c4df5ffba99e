import type { FastifyInstance } from 'fastify'
import type { Site } from '../site/site-api.ts'
import {
  acceptsMainAnswer,
  attemptsReleasedAnswer,
  resumesApplyingAnswer,
  unconfirmedReleasedAnswer,
} from './answer-schemas.ts'
import { described } from './described.ts'

const acceptMainSchema = described(
  'site',
  'Accept the present main, which does not descend from the one written to before',
  { response: { 202: acceptsMainAnswer } },
)

const releaseSchema = described(
  'site',
  'Wait no longer for other sites to bring what main lost: references that are still missing count as wrong',
  { response: { 200: attemptsReleasedAnswer } },
)

const resumeSchema = described(
  'site',
  'Go on applying after a stop for which somebody had to act, such as ten equal rejections',
  { response: { 202: resumesApplyingAnswer } },
)

const releaseUnconfirmedSchema = described(
  'site',
  "Count what main has as confirmed, because this site's replica will not be back for long",
  { response: { 200: unconfirmedReleasedAnswer } },
)

/** What only a person can decide about a site. */
export function siteRoutes(app: FastifyInstance, site: Site): void {
  app.post(
    '/site/accept-main',
    { config: { isAdministrative: true }, schema: acceptMainSchema },
    async (_request, reply) => {
      await site.acceptMain()
      // The applier meets main again in its own time: the answer says what was taken, not what came of it.
      return reply.code(202).send({ site: site.name, accepts_main: true })
    },
  )
  app.post(
    '/site/resume',
    { config: { isAdministrative: true }, schema: resumeSchema },
    async (_request, reply) => {
      await site.resumeApplying()
      return reply.code(202).send({ site: site.name, resumes_applying: true })
    },
  )
  app.post(
    '/site/release-attempts',
    { config: { isAdministrative: true }, schema: releaseSchema },
    async () => {
      await site.releaseAttempts()
      return { site: site.name, attempts_released: true }
    },
  )
  app.post(
    '/site/release-unconfirmed',
    { config: { isAdministrative: true }, schema: releaseUnconfirmedSchema },
    async () => ({ site: site.name, released: await site.releaseUnconfirmed() }),
  )
}
