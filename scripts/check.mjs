// `npm run check`: format, lint, types, unit tests and docs drift, in two lanes side by side; each step with its time.
import { spawn } from 'node:child_process'

const lanes = [
  [
    ['format and lint', 'biome', ['check', '--error-on-warnings', '.']],
    ['types', 'tsc', ['-b']],
    ['types of tests', 'tsc', ['-p', 'tsconfig.test.json']],
  ],
  [
    ['unit tests and docs drift', 'vitest', ['run', '--project', 'unit']],
    ['type-aware lint', 'eslint', ['--cache', '--cache-location', 'node_modules/.cache/eslint/', '.']],
  ],
]

/** Runs one step and prints what it said only when it failed. */
async function runStep([name, command, args]) {
  const startedAt = performance.now()
  const child = spawn('npx', ['--no-install', command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = []
  child.stdout.on('data', (bytes) => output.push(bytes))
  child.stderr.on('data', (bytes) => output.push(bytes))
  const code = await new Promise((resolve) => child.on('close', resolve))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const isGood = code === 0
  process.stdout.write(`${isGood ? '✓' : '✗'} ${name} (${seconds} s)\n`)
  if (!isGood) process.stdout.write(`${Buffer.concat(output)}\n`)
  return isGood
}

const results = await Promise.all(
  lanes.map(async (lane) => {
    let isGood = true
    for (const step of lane) isGood = (await runStep(step)) && isGood
    return isGood
  }),
)
process.exit(results.every(Boolean) ? 0 : 1)
