import { type Command, Option } from 'commander'
import { transactionStates } from 'outpost'
import { renderTransaction, renderTransactions } from '../output/transactions.ts'
import { callSite, siteAddress } from '../site/site-client.ts'
import { openTransactionSource, type TransactionSourceOptions } from '../site/transaction-source.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions, wholeNumber } from './options.ts'
import { addTxDecisionCommands } from './tx-decisions.ts'

interface ListOptions extends TransactionSourceOptions {
  readonly json?: boolean
  readonly state?: string
  readonly limit: number
  readonly after?: number
}

interface ShowOptions extends TransactionSourceOptions {
  readonly json?: boolean
  readonly main?: boolean
}

const defaultLimit = 50
const maxLimit = 500

export function addTxCommands(program: Command, context: CommandContext): void {
  const tx = program
    .command('tx')
    .description('Ask where a transaction is, and deal with one that main rejected.')
  addSourceOptions(tx.command('list'))
    .description('List the transactions of a site, oldest first.')
    .addOption(new Option('--state <state>', 'only this state').choices(transactionStates))
    .option('--limit <count>', 'how many', wholeNumber(1, maxLimit), defaultLimit)
    .option('--after <seq>', 'go on after this seq', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost tx list --state rejected',
        'outpost tx list --journal /var/lib/outpost/journal --json',
        'outpost tx list --journal redis --state buffered',
      ]),
    )
    .action(async (options: ListOptions) => {
      const page = await openTransactionSource(options, context).list(options)
      context.stdout(options.json ? `${JSON.stringify(page)}\n` : renderTransactions(page))
    })
  addSourceOptions(tx.command('show'))
    .description('Show one transaction: every step with its time, and what it writes.')
    .argument('<id>', 'id of the transaction, as the answer to the write gave it')
    .option('--main', 'of a rejected one: also the rows of main that it met, as they are now')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost tx show 0193a1c2-7d3e-7000-8000-0123456789ab',
        'outpost tx show 0193a1c2-7d3e-7000-8000-0123456789ab --main',
      ]),
    )
    .action(async (id: string, options: ShowOptions) => {
      const source = openTransactionSource(options, context)
      const transaction = await source.show(id, { main: options.main ?? false })
      context.stdout(options.json ? `${JSON.stringify(transaction)}\n` : renderTransaction(transaction))
    })
  addTxDecisionCommands(tx, context)
  addSiteOptions(tx.command('release'))
    .description(
      "Count what main has as confirmed, because this site's replica will not be back for long: reads of it then need main. Needs the scope admin.",
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost tx release --url http://127.0.0.1:8001']))
    .action(async (options: SiteCommandOptions) => {
      const path = '/site/release-unconfirmed'
      const answer = await callSite(siteAddress(options, context.env), path, { method: 'POST' })
      const { released } = answer as { readonly released: number }
      context.stdout(
        options.json
          ? `${JSON.stringify(answer)}\n`
          : `${released} transactions count as confirmed: main has them.\n`,
      )
    })
}

function addSourceOptions(command: Command): Command {
  return addSiteOptions(command).option(
    '--journal <folder>',
    'read this journal folder instead of asking a site, or for "redis" that of the settings here; it may be in use',
  )
}
