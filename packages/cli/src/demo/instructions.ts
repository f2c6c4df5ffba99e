import { formatDuration } from '../output/quantity.ts'
import { renderFacts } from '../output/table.ts'
import { keyHelp } from './keys.ts'
import type { ReadyDemo } from './ready-line.ts'

export interface InstructionFacts {
  readonly demo: ReadyDemo
  /** Folder with the data, and whether it stays when the demo ends. */
  readonly folder: string
  readonly keepsData: boolean
  /** For instance `PostgreSQL 18 (embedded)`. */
  readonly server: string
  readonly readyAfterMs: number
  /** Id of a unit that exists, for the commands to try. */
  readonly obsUnitId: number
  readonly hasKeys: boolean
}

/** What the demo prints once it is ready: what to open and what to try. The commands work as printed. */
export function renderInstructions(facts: InstructionFacts): string {
  const { main, observatory, link } = facts.demo
  const places = renderFacts([
    ['  observatory', `${observatory.url}/docs   records here, also when the link is cut`],
    ['  main', `${main.url}/docs   everything arrives here`],
    ['  link', `${link.url}   carries the calls to main and the replication`],
    ['  main database', main.database_url],
    ['  replica', observatory.database_url],
    ['  data', `${facts.folder}${facts.keepsData ? '' : ' (removed at the end)'}`],
  ])
  return `
Two sites on ${facts.server}, ready after ${formatDuration(facts.readyAfterMs)}.

${places}
Try it: cut the link, record an observation, read it back, restore the link, see it on main.

${tryCommands(facts.demo, facts.obsUnitId)
  .map(({ comment, command }) => `  # ${comment}\n  ${command}`)
  .join('\n')}

${facts.hasKeys ? `Keys: ${keyHelp}` : 'Ctrl-C ends the demo.'}
`
}

/** The commands to try, in order; a test runs them as they are printed. */
export function tryCommands(
  demo: ReadyDemo,
  obsUnitId: number,
): readonly { readonly comment: string; readonly command: string }[] {
  const { main, observatory, link } = demo
  const newest = 'executed_obs_units?sort=-start_time&limit=3'
  return [
    { comment: 'cut the link', command: `curl -sS -X POST ${link.url}/cut` },
    {
      comment: 'record: the answer comes at once',
      command: `curl -sS -H 'Authorization: Bearer ${observatory.token}' -H 'Content-Type: application/json' -d '{"obs_unit_id": ${obsUnitId}}' ${observatory.url}/executed_obs_units/start`,
    },
    {
      comment: 'read it back at the site, in a sorted page',
      command: `curl -sS -H 'Authorization: Bearer ${observatory.token}' '${observatory.url}/${newest}'`,
    },
    { comment: 'restore the link', command: `curl -sS -X POST ${link.url}/restore` },
    {
      comment: 'see it on main, a moment later',
      command: `curl -sS -H 'Authorization: Bearer ${main.token}' '${main.url}/${newest}'`,
    },
  ]
}
