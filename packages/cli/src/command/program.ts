import { Command } from 'commander'
import { addConflictCommands } from './conflicts.ts'
import type { CommandContext } from './context.ts'
import { addDemoCommand } from './demo.ts'
import { exitCodeHelp } from './exit-codes.ts'
import { addMigrateCommand } from './migrate.ts'
import { addServeCommand } from './serve.ts'
import { addSiteCommands } from './site.ts'
import { addStatusCommand } from './status.ts'
import { addTokenCommands } from './token.ts'
import { addTxCommands } from './tx.ts'

/** The whole `outpost` command: what it knows, nothing run yet. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('outpost')
    .description('Keep recording while PostgreSQL is out of reach, and read your own writes from replicas.')
    .version(outpostVersion, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', `\n${exitCodeHelp}`)
  for (const add of [
    addDemoCommand,
    addServeCommand,
    addMigrateCommand,
    addStatusCommand,
    addTxCommands,
    addTokenCommands,
    addSiteCommands,
    addConflictCommands,
  ]) {
    add(program, context)
  }
  eachCommand(program, (command) => {
    command
      .exitOverride()
      .helpOption('--help', 'show help')
      .configureOutput({
        writeOut: context.stdout,
        // Help that is shown because a command is missing; errors themselves are told by `run`.
        writeErr: context.stderr,
        outputError: () => undefined,
      })
  })
  return program
}

/** Visits a command and all below it, parents first. */
export function eachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command)
  for (const child of command.commands) eachCommand(child, visit)
}

/** Kept equal to the package's version by a test. */
const outpostVersion = '0.1.0'
