import type { TestRun } from './run-tests.ts'

/**
 * What taking a rule out came to: `caught` is what it must be. `unnoticed`: the test passed all the same. `broken`:
 * the change does not even run, so that it proves nothing. `missing`: no such test ran. `stale`: the text to take out
 * is not there.
 */
export type Verdict = 'caught' | 'unnoticed' | 'broken' | 'missing' | 'stale'

/** Signs that the changed text is not a program any more. */
const notRunning =
  /SyntaxError|syntax error at|Transform failed|ReferenceError|is not defined|is not a function/

/** Judges the run of one test with the rule taken out. Pure. */
export function verdictOf(run: TestRun | undefined): Verdict {
  if (run === undefined) return 'stale'
  if (run.failed.some(({ messages }) => notRunning.test(messages))) return 'broken'
  if (run.failed.length > 0) return 'caught'
  return run.passed.length > 0 ? 'unnoticed' : 'missing'
}
