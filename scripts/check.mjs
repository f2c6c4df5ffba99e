// `npm run check`: format, lint, types, unit tests and docs drift, each with its time; stops at the first failure.
import { spawnSync } from 'node:child_process'

const steps = [
  ['format and lint', 'npx', ['--no-install', 'biome', 'check', '--error-on-warnings', '.']],
  ['types', 'npx', ['--no-install', 'tsc', '-b']],
  ['types of tests', 'npx', ['--no-install', 'tsc', '-p', 'tsconfig.test.json']],
  [
    'type-aware lint',
    'npx',
    ['--no-install', 'eslint', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '.'],
  ],
  ['unit tests and docs drift', 'npx', ['--no-install', 'vitest', 'run', '--project', 'unit']],
]

for (const [name, command, args] of steps) {
  const startedAt = performance.now()
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (result.status !== 0) {
    process.stdout.write(`✗ ${name} (${seconds} s)\n${result.stdout}${result.stderr}\n`)
    process.exit(1)
  }
  process.stdout.write(`✓ ${name} (${seconds} s)\n`)
}
