import { CommanderError } from 'commander'
import { OutpostError } from 'outpost'
import { renderProblem, toProblem } from '../output/problem.ts'
import type { CommandContext } from './context.ts'
import { buildProgram } from './program.ts'

/** A command line that names no command shows the help on stderr and ends with this. */
const wrongUsageExitCode = 2

/**
 * Runs one command line (without node and the script) and returns its exit code. Whatever fails is told on stderr
 * and, with `--json`, as a problem document of one line on stdout.
 */
export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  let exitCode = 0
  const program = buildProgram({ ...context, setExitCode: (code) => (exitCode = code) })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (error instanceof CommanderError && error.code === 'commander.help') return wrongUsageExitCode
    const problem = toProblem(error instanceof CommanderError ? usageError(error) : error)
    context.stderr(renderProblem(problem))
    if (argv.includes('--json')) context.stdout(`${JSON.stringify(problem)}\n`)
    return problem.exit_code
  }
}

/** Commander's own message, with its suggestion (`Did you mean …?`) made the hint. */
function usageError(error: CommanderError): OutpostError {
  const [message = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n')
  const hint = suggestion.join(' ').replace(/^\(|\)$/g, '')
  return new OutpostError('usage_invalid', message, hint === '' ? {} : { hint })
}
