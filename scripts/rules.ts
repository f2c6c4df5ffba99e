// `npm run rules [-- --only N7] [--jobs 2]`: takes each rule of the protocol out of a copy of the sources and checks
// that the test which names it fails then, and passes with it. Exits with 1 when a removal goes unnoticed.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CopiedTree } from '../tests/rules/copied-tree.ts'
import type { Guard } from '../tests/rules/rule.ts'
import { rules } from '../tests/rules/rules.ts'
import { namePattern, runTests, type TestRun } from '../tests/rules/run-tests.ts'
import { type Verdict, verdictOf } from '../tests/rules/verdict.ts'

type NumberedGuard = Guard & { readonly number: string }
type Line = readonly [number: string, verdict: Verdict | 'fails with it', ensures: string, test: string]

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, jobs: { type: 'string', default: '1' } },
})
const chosen: readonly NumberedGuard[] = rules
  .filter(({ number }) => values.only === undefined || values.only.includes(number))
  .flatMap(({ number, guards }) => guards.map((guard) => ({ number, ...guard })))
if (chosen.length === 0) {
  process.stderr.write(`There is no rule ${values.only?.join(', ')}: they are N1 to N${rules.length}.\n`)
  process.exit(2)
}

const queue = groupedByFile(chosen)
const total = chosen.length
const lines: Line[] = []
const root = join(import.meta.dirname, '..')
await Promise.all(Array.from({ length: Number(values.jobs) }, async () => await work()))
lines.sort((a, b) => Number(a[0].slice(1)) - Number(b[0].slice(1)))
process.stdout.write(
  `${lines.map(([number, verdict, ensures, test]) => `${number.padEnd(4)}${verdict.padEnd(14)}${ensures}\n${' '.repeat(18)}${test}`).join('\n')}\n`,
)
const bad = lines.filter(([, verdict]) => verdict !== 'caught')
process.stdout.write(`${lines.length - bad.length} caught, ${bad.length} not\n`)
process.exit(bad.length === 0 ? 0 : 1)

/** One worker: a tree of its own, and one test file after the other. */
async function work(): Promise<void> {
  const tree = await CopiedTree.make(root)
  try {
    for (let guards = queue.shift(); guards !== undefined; guards = queue.shift()) await judge(tree, guards)
  } finally {
    await tree.remove()
  }
}

/** All guards whose tests stand in one file: that file runs once as it is, and once for each without it. */
async function judge(tree: CopiedTree, guards: readonly NumberedGuard[]): Promise<void> {
  const { file } = guards[0]!.test
  const before = await runTests(
    tree.root,
    file,
    guards.map(({ test }) => namePattern(test)),
  )
  for (const guard of guards) {
    const pattern = namePattern(guard.test)
    const isPassing =
      before.passed.some((name) => pattern.test(name)) &&
      !before.failed.some(({ name }) => pattern.test(name))
    if (!isPassing) process.stderr.write(`${reasonsOf(before, pattern)}\n`)
    const verdict = isPassing
      ? verdictOf(await tree.mutated(guard, () => runTests(tree.root, file, [pattern])))
      : 'fails with it'
    lines.push([guard.number, verdict, guard.ensures, `${file}: ${guard.test.title}`])
    process.stderr.write(`${lines.length}/${total} ${guard.number} ${verdict}: ${guard.ensures}\n`)
  }
}

/** Why the test fails although the rule is in place. */
function reasonsOf({ passed, failed }: TestRun, pattern: RegExp): string {
  const own = failed.filter(({ name }) => pattern.test(name) || name === 'the file')
  if (own.length > 0)
    return own.map(({ name, messages }) => `${name}: ${messages.slice(0, 1_000)}`).join('\n')
  return `No test of this name ran; these passed: ${passed.join('; ')}`
}

function groupedByFile(guards: readonly NumberedGuard[]): NumberedGuard[][] {
  const groups = new Map<string, NumberedGuard[]>()
  for (const guard of guards) {
    const group = groups.get(guard.test.file)
    if (group === undefined) groups.set(guard.test.file, [guard])
    else group.push(guard)
  }
  return [...groups.values()]
}
