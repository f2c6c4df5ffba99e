import { defineConfig } from 'vitest/config'

const conditions = ['@outpost/source']
const roots = ['packages/*/src', 'tests', 'benchmarks', 'examples', 'scripts']
const needsServers = ['pg', 'redis', 'cluster', 'web', 'process']
const shared = {
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}
const serverTests = roots.map((root) => `${root}/**/*.{${needsServers.join(',')}}.test.ts`)

/** Tests with a suffix (`.pg.test.ts`, `.cluster.test.ts` …) start servers or processes; the others need nothing. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
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
