import type { FastifyInstance } from 'fastify'
import type { Health, Site } from '../site/site-api.ts'
import { healthAnswer, readyAnswer, statisticsAnswer } from './answer-schemas.ts'
import { described, isOpen } from './described.ts'

const healthSchema = described('health', 'State of the site', { ...isOpen, response: { 200: healthAnswer } })
const readySchema = described('health', '503 when the site cannot record', {
  ...isOpen,
  response: { 200: readyAnswer, 503: readyAnswer },
})
const statisticsSchema = described('health', 'Figures of the journal and the applier', {
  response: { 200: statisticsAnswer },
})

/** Health for people and load balancers. `/health` is 200 also when degraded; `/health/ready` 503 when it cannot record. */
export function healthRoutes(
  app: FastifyInstance,
  site: Site,
  problems: () => Health['problems'] = () => [],
): void {
  app.get('/health', { config: { isPublic: true }, schema: healthSchema }, async () =>
    withProblems(await site.health(), problems()),
  )
  app.get('/health/ready', { config: { isPublic: true }, schema: readySchema }, async (_request, reply) => {
    const { can_record, problems } = await site.health()
    return reply
      .code(can_record ? 200 : 503)
      .send({ ready: can_record, problems: can_record ? [] : problems })
  })
  app.get('/buffer-stats', { schema: statisticsSchema }, () => Promise.resolve(site.bufferStatistics()))
}

function withProblems(health: Health, more: Health['problems']): Health {
  if (more.length === 0) return health
  const status = health.status === 'healthy' ? 'degraded' : health.status
  return { ...health, status, problems: [...health.problems, ...more] }
}
