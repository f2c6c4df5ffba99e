import { type Command, InvalidArgumentError, Option } from 'commander'

/** Options of every command that asks a running site. */
export interface SiteCommandOptions {
  readonly url?: string
  readonly token?: string
  readonly json?: boolean
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON on stdout')
}

export function addSiteOptions(command: Command): Command {
  return command
    .option('--url <url>', 'address of the site (default: OUTPOST_URL, else http://127.0.0.1:8000)')
    .option('--token <token>', 'API token (default: OUTPOST_TOKEN)')
}

/** Parses an option that is a whole number of at least `least`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    }
    return value
  }
}
