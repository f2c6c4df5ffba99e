import { type Command, Option } from 'commander'
import { portOffsets } from '../demo/ports.ts'
import { runDemo } from '../demo/run-demo.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { wholeNumber } from './options.ts'

interface DemoCommandOptions {
  readonly json?: boolean
  readonly night: boolean
  readonly dir?: string
  readonly port?: number
}

const highestBase = 65_535 - Math.max(...Object.values(portOffsets))

export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description(
      'Run two sites on real PostgreSQL servers with a link that can be cut, and replay a night of observing.',
    )
    .option('--no-night', 'do not replay a night')
    .option('--dir <folder>', 'keep the data in this folder and go on with it the next time')
    .option('--port <base>', 'base of the ports; each part has a fixed offset', wholeNumber(1, highestBase))
    .addOption(new Option('--json', 'print one line of JSON when ready, then stay up without drawing'))
    .addHelpText(
      'after',
      examples(['outpost demo', 'outpost demo --dir ./night --port 9000', 'outpost demo --json --no-night']),
    )
    .action((options: DemoCommandOptions) => runDemo(options, context))
}
