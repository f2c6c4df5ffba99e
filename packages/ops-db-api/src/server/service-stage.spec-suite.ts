import { type PostgresUnderTest, waitFor } from '@outpost/lab/testing'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type TestAnswer, TwoSites } from './two-sites.spec-suite.ts'

type Headers = Record<string, string>

/** Two sites for a block of tests, called at the observatory as a client does. */
export interface ServiceStage {
  readonly sites: TwoSites
  post(url: string, body: unknown, headers?: Headers): Promise<TestAnswer>
  put(url: string, body?: unknown, headers?: Headers): Promise<TestAnswer>
  get(url: string, headers?: Headers): Promise<TestAnswer>
  /** Id of a unit that was started. */
  start(more?: Readonly<Record<string, unknown>>): Promise<string>
  onMain(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  untilOnMain(unit: string): Promise<unknown>
}

/** To be called in a `describe` block; the link is whole again after each test. */
export function useServiceStage(version: PostgresUnderTest): ServiceStage {
  let sites: TwoSites
  beforeAll(async () => {
    sites = await TwoSites.start(version)
    await sites.openObservatory()
    await sites.openMain()
  })
  afterAll(() => sites.stop())
  afterEach(async () => {
    sites.link.restore()
    const { site } = sites.observatory
    // A node that failed is left alone for a moment; the next test begins when main answers again.
    await waitFor(() => site.read('SELECT id FROM public.role LIMIT 1', [], { node: 'main' }), {
      what: 'main answers the observatory',
    })
  })
  const post: ServiceStage['post'] = (url, body, headers) =>
    sites.call(sites.observatory, 'POST', url, body, headers)
  const onMain: ServiceStage['onMain'] = (sql, values) => sites.cluster.primary.query(sql, values)
  return {
    get sites() {
      return sites
    },
    post,
    put: (url, body = {}, headers) => sites.call(sites.observatory, 'PUT', url, body, headers),
    get: (url, headers) => sites.call(sites.observatory, 'GET', url, undefined, headers),
    start: async (more = {}) => {
      const answer = await post('/executed_obs_units/start', { obs_unit_id: 1, ...more })
      expect(answer.body).toMatchObject({ status: 'running', transaction_state: 'buffered' })
      expect(answer.status).toBe(201)
      return String(answer.body.id)
    },
    onMain,
    untilOnMain: (unit) =>
      waitFor(
        async () => (await onMain('SELECT FROM executed_obs_unit WHERE id = $1', [unit])).length === 1,
        {
          what: `unit ${unit} on main`,
        },
      ),
  }
}
