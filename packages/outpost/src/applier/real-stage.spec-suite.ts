import type { PostgresServer } from '@outpost/lab'
import { afterEach, beforeEach } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import type { MainSession, OpenMainSession } from './main-session.ts'
import { pgMainSessions } from './pg-main-session.ts'
import {
  openTestMain,
  openTestSite,
  type TestMain,
  type TestSite,
  type TestSiteOptions,
} from './real-site.spec-suite.ts'

/** A main of its own for each test, and the sites that the test opens on it. */
export interface RealStage {
  readonly main: TestMain
  /** Rows of a table on main. */
  count(table: string): Promise<number>
  /** Connections to that main with some methods replaced. */
  sessions(
    change: (session: MainSession) => Partial<MainSession>,
    config?: TestSiteOptions['config'],
  ): OpenMainSession
  /** A site on that main; stopped after the test, if the test has not done so. */
  open(options?: Partial<TestSiteOptions>): Promise<TestSite>
}

/** To be called in a `describe` block; `defaults` are those of every site. */
export function useRealStage(
  server: () => PostgresServer,
  defaults: Partial<TestSiteOptions> = {},
): RealStage {
  let main: TestMain
  let sites: TestSite[]
  beforeEach(async () => {
    main = await openTestMain(server())
    sites = []
  })
  afterEach(async () => {
    for (const site of sites) await site.stop()
    await main.close()
  })
  return {
    get main() {
      return main
    },
    count: async (table) => Number((await main.query(`SELECT count(*) FROM ${table}`))[0]!.count),
    sessions: (change, config) => async (signal) => {
      const session = await pgMainSessions({ config: config ?? main.config, clock: systemClock })(signal)
      const real: MainSession = {
        hello: (request) => session.hello(request),
        apply: (call) => session.apply(call),
        islands: (...question) => session.islands(...question),
        idsInLedger: (...question) => session.idsInLedger(...question),
        beat: (...question) => session.beat(...question),
        prune: (...question) => session.prune(...question),
        forgetAnswers: () => session.forgetAnswers(),
        releaseAttempts: () => session.releaseAttempts(),
        close: () => session.close(),
      }
      return { ...real, ...change(real) }
    },
    open: async (options = {}) => {
      const site = await openTestSite({
        config: main.config,
        catalog: main.catalog,
        ...defaults,
        ...options,
      })
      sites.push(site)
      return site
    },
  }
}
