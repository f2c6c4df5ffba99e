import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Benchmark, Scale } from './benchmark.ts'
import { describeMachine } from './machine.ts'
import { benchmarks } from './registry.ts'
import type { Row } from './row.ts'
import { renderTable } from './table.ts'

const usage = `npm run bench -- [NAME | --only NAME]… [--json FILE] [--quick] [--strict]

  --only NAME   run this benchmark (may be given several times, or as a list with commas)
  --json FILE   write the rows as JSON
  --quick       smaller sizes and fewer rounds: a first impression, no figures to publish
  --strict      exit with 1 when a goal is missed

${benchmarks.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}
`

const say = (text: string) => process.stderr.write(`${text}\n`)

process.exitCode = await main()

/** 0 when all was measured, 1 when one failed to run (or, with `--strict`, missed its goal), 2 for wrong usage. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const named = [...(values.only ?? []), ...positionals].flatMap((names) => names.split(','))
  const wanted = named.length > 0 ? named : undefined
  const unknown = wanted?.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name)) ?? []
  if (unknown.length > 0) {
    say(`There is no benchmark ${unknown.join(', ')}.\n\n${usage}`)
    return 2
  }
  const chosen = benchmarks.filter(({ name }) => wanted?.includes(name) ?? true)
  say(describeMachine())
  const { rows, failures } = await runAll(chosen, values.quick ? 'quick' : 'full')
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`)
  process.stdout.write(`${describeMachine()}\n\n${renderTable(rows)}\n`)
  const missed = rows.filter((row) => !row.holds)
  process.stdout.write(`\n${describeOutcome(missed, failures)}\n`)
  return failures > 0 || (values.strict && missed.length > 0) ? 1 : 0
}

/** One that fails to run does not keep the others from running. */
async function runAll(chosen: readonly Benchmark[], scale: Scale) {
  const rows: Row[] = []
  let failures = 0
  for (const [index, benchmark] of chosen.entries()) {
    const startedMs = performance.now()
    say(`[${index + 1}/${chosen.length}] ${benchmark.name}: ${benchmark.about}`)
    try {
      const measured = await benchmark.run({ scale, onProgress: (text) => say(`    ${text}`) })
      rows.push(...measured)
      say(renderTable(measured))
    } catch (error) {
      failures += 1
      say(`    FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    say(`    ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
  }
  return { rows, failures }
}

function describeOutcome(missed: readonly Row[], failures: number): string {
  const failed = failures === 0 ? '' : `${failures} could not be measured: see above.\n`
  if (missed.length === 0) return failed || 'Every goal is reached.'
  const lines = missed.map(
    ({ measure, value, baseline, ratio, goal }) =>
      `  ${measure}: ${value}, ${ratio} x ${baseline}; goal ${goal}`,
  )
  return `${failed}${missed.length} missed:\n${lines.join('\n')}`
}
