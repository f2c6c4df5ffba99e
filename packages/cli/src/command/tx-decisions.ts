import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { OutpostError } from 'outpost'
import { type DecisionDocument, renderDecision } from '../output/decision.ts'
import { callSite, type SiteRequest, siteAddress } from '../site/site-client.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions } from './options.ts'

interface DecisionOptions extends SiteCommandOptions {
  readonly dryRun?: boolean
  readonly idempotencyKey?: string
}

const id = '0193a1c2-7d3e-7000-8000-0123456789ab'

/** What is done about a rejected transaction, by the site that recorded it. */
export function addTxDecisionCommands(tx: Command, context: CommandContext): void {
  decisionCommand(
    tx,
    'replay',
    'Record the operations of a rejected transaction again, after its cause was mended.',
  )
    .option('--reason <text>', 'why; kept with it')
    .addHelpText('after', examples([`outpost tx replay ${id} --reason "the unit is there now"`]))
    .action(async (target: string, options: DecisionOptions & { readonly reason?: string }) => {
      const body = options.reason === undefined ? {} : { reason: options.reason }
      await decide(context, options, `${target}/replay`, { method: 'POST', body })
    })
  decisionCommand(
    tx,
    'edit',
    'Record the operations of a rejected transaction again, changed by a JSON Patch (RFC 6902).',
  )
    .option('--patch <json>', 'the patch; paths such as /0/row/name')
    .option('--patch-file <file>', 'read the patch from a file')
    .addHelpText(
      'after',
      examples([
        `outpost tx edit ${id} --dry-run --patch '[{"op": "replace", "path": "/0/row/name", "value": "b.fits"}]'`,
        `outpost tx edit ${id} --patch-file patch.json`,
      ]),
    )
    .action(
      async (
        target: string,
        options: DecisionOptions & { readonly patch?: string; readonly patchFile?: string },
      ) => {
        await decide(context, options, target, { method: 'PATCH', body: await patchOf(options) })
      },
    )
  decisionCommand(
    tx,
    'resolve',
    'Say that a rejected transaction is no longer needed; what waits for it goes on.',
  )
    .requiredOption('--reason <text>', 'why; kept with it')
    .addHelpText('after', examples([`outpost tx resolve ${id} --reason "entered on main by hand"`]))
    .action(async (target: string, options: DecisionOptions & { readonly reason: string }) => {
      const body = { reason: options.reason }
      await decide(context, options, `${target}/resolve`, { method: 'POST', body })
    })
  decisionCommand(tx, 'discard', 'Throw a rejected or parked transaction away.')
    .requiredOption('--reason <text>', 'why; kept with it')
    .option('--cone', 'and everything that waits for it; refused otherwise while something does')
    .addHelpText('after', examples([`outpost tx discard ${id} --cone --reason "a test of the shutter"`]))
    .action(
      async (target: string, options: DecisionOptions & { readonly reason: string; cone?: boolean }) => {
        const body = { reason: options.reason, cone: options.cone ?? false }
        await decide(context, options, `${target}/discard`, { method: 'POST', body })
      },
    )
}

function decisionCommand(tx: Command, name: string, description: string): Command {
  return addSiteOptions(tx.command(name))
    .description(`${description} Works while main is away. Needs the scope admin.`)
    .argument('<id>', 'id of the rejected transaction')
    .option('--dry-run', 'only say what would be decided')
    .option('--idempotency-key <key>', 'makes the command safe to repeat: the same key decides once')
    .addOption(jsonOption())
}

async function decide(
  context: CommandContext,
  options: DecisionOptions,
  path: string,
  request: SiteRequest,
): Promise<void> {
  const [target = '', ...verb] = path.split('/')
  const query = options.dryRun === true ? '?dry_run=true' : ''
  const url = `/transactions/${[encodeURIComponent(target), ...verb].join('/')}${query}`
  const { idempotencyKey } = options
  const answer = await callSite(siteAddress(options, context.env), url, {
    ...request,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  })
  context.stdout(options.json ? `${JSON.stringify(answer)}\n` : renderDecision(answer as DecisionDocument))
}

async function patchOf(options: { readonly patch?: string; readonly patchFile?: string }): Promise<unknown> {
  const { patch, patchFile } = options
  if ((patch === undefined) === (patchFile === undefined)) {
    throw new OutpostError('usage_invalid', 'Give the patch either by --patch or by --patch-file.')
  }
  const text = patch ?? (await readPatch(patchFile ?? ''))
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new OutpostError('usage_invalid', 'The patch is not JSON.', { cause })
  }
}

async function readPatch(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new OutpostError(
      'usage_invalid',
      `The patch file ${file} cannot be read: ${code ?? String(cause)}.`,
      {
        cause,
      },
    )
  }
}
