import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const conditions = ['@outpost/source']
const roots = ['packages/*/src', 'tests', 'benchmarks', 'examples', 'scripts']
const needsServers = ['pg', 'redis', 'cluster', 'web', 'process']
const shared = {
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}
const serverTests = roots.map((root) => `${root}/**/*.{${needsServers.join(',')}}.test.ts`)

/** What takes longest begins first: begun last, it would run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const place = ({ moduleId }: TestSpecification): number => {
      if (moduleId.includes('/kill-at-each-step.')) return 0
      return /\/(tests|benchmarks)\/[^/]+$/.test(moduleId) ? 1 : 2
    }
    return sorted.toSorted((a, b) => place(a) - place(b))
  }
}

/** Tests with a suffix (`.pg.test.ts`, `.cluster.test.ts` …) start servers or processes; the others need nothing. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'unit',
          include: roots.map((root) => `${root}/**/*.test.ts`),
          exclude: [...serverTests, '**/node_modules/**'],
          // They keep no state in modules, so a fresh process for each file would only cost its start.
          isolate: false,
          maxWorkers: 2,
          // Some hold limits of time, beside compilers and linters at work: one second try in CI, as below.
          retry: process.env.CI ? 1 : 0,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'servers',
          include: serverTests,
          maxWorkers: 2,
          // Real servers on a shared machine: one second try in CI, which the report shows as a retry.
          retry: process.env.CI ? 1 : 0,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
