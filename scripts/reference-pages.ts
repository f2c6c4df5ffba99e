import { labErrorCodes } from '../packages/lab/src/errors/lab-error.ts'
import { controlProblems } from '../packages/lab/src/link/control-problems.ts'
import { allOptions } from '../packages/ops-db-api/src/configuration/configuration.ts'
import { unitTransitions } from '../packages/ops-db-api/src/recording/executed-unit-state.ts'
import { transferTransitions } from '../packages/ops-db-api/src/recording/transfer-state.ts'
import { serviceCodes } from '../packages/ops-db-api/src/service-codes.ts'
import { errorCodes } from '../packages/outpost/src/errors/codes.ts'
import { refusals } from '../packages/outpost/src/overlay/refusals.ts'
import { stateDiagram } from '../packages/outpost/src/transaction/state-diagram.ts'
import { rules } from '../tests/rules/rules.ts'
import { limitSections } from './limits.ts'

const made = '<!-- Made from the code by `npm run docs`; edit the tables there. -->'

/** Reference pages that are made from the code: path below `docs/` → content. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['reference/errors.md', errorsPage()],
    ['reference/refused-statements.md', refusedPage()],
    ['reference/transaction-states.md', statesPage()],
    ['reference/configuration.md', configurationPage()],
    ['reference/rules.md', rulesPage()],
    ['reference/limits.md', limitsPage()],
  ])
}

function errorsPage(): string {
  const library = Object.entries(errorCodes).map(([code, entry]) => [
    `\`${code}\``,
    String(entry.status),
    String(entry.exit),
    entry.meaning,
    entry.fix,
  ])
  const service = Object.entries(serviceCodes).map(([code, entry]) => [
    `\`${code}\``,
    String(entry.status),
    entry.meaning,
    entry.fix,
  ])
  const lab = Object.entries(labErrorCodes).map(([code, fix]) => [`\`${code}\``, fix])
  const control = Object.entries(controlProblems).map(([code, entry]) => [
    `\`${code}\``,
    String(entry.status),
    entry.title,
    entry.hint,
  ])
  return page('Errors', [
    'Every error has a stable code, a message with the values, and a hint. Over HTTP it is a problem document (RFC 9457) whose `code` is one of these; a command prints it and ends with the exit code.',
    '## Library and command',
    table(['code', 'HTTP', 'exit', 'meaning', 'what to do'], library),
    "## The observatory's service",
    table(['code', 'HTTP', 'meaning', 'what to do'], service),
    '## Lab',
    table(['code', 'what to do'], lab),
    "## The link's control",
    table(['code', 'HTTP', 'meaning', 'what to do'], control),
  ])
}

function refusedPage(): string {
  const rows = Object.entries(refusals).map(([kind, { reason, wayRound }]) => [
    `\`${kind}\``,
    reason,
    wayRound,
  ])
  return page('Refused statements', [
    'A merged read refuses, with the code `read_refused`, what would bypass the pending rows. This is the whole list; the error names the kind in `details.kind`. Joins, CTEs, set operations, windows, subqueries, qualified names and plain views are never on it.',
    table(['kind', 'why', 'what to write instead'], rows),
  ])
}

function statesPage(): string {
  const rowsOf = (transitions: Readonly<Record<string, readonly string[]>>) =>
    Object.entries(transitions).map(([from, to]) => [from, to.join(', ') || '(ended)'])
  return page('States', [
    '## Transactions',
    '`buffered` is durable at the site, `applied` committed on main, `replicated` read back on the replica, `retained` kept for another apply. From `applied`, `replicated` or `retained` back to `buffered` is what happens when main lost a transaction.',
    `\`\`\`mermaid\n${stateDiagram()}\`\`\``,
    '## Executed units',
    table(['state', 'may become'], rowsOf(unitTransitions)),
    '## Transfers',
    table(['state', 'may become'], rowsOf(transferTransitions)),
  ])
}

function configurationPage(): string {
  const rows = allOptions().map((option) => [
    `\`${option.name}\``,
    option.description,
    option.form,
    option.fallback === undefined ? (option.isRequired ? 'required' : '') : `\`${option.fallback}\``,
  ])
  return page('Configuration', [
    'The environment wins over `.env`, which wins over `outpost.yaml`. Everything is checked at start, and every problem is reported at once.',
    table(['variable', 'meaning', 'value', 'default'], rows),
  ])
}

function limitsPage(): string {
  const sections = limitSections.flatMap(({ title, limits }) => [
    `## ${title}`,
    table(
      ['what', 'at most', 'set by', 'what happens there'],
      limits.map(({ what, most, setBy, atLimit }) => [what, most, setBy, atLimit]),
    ),
  ])
  return page('Limits', [
    'Nothing grows without a bound, and nothing is cut off in silence: each limit with its default, what sets it, and what happens there. The codes stand in [errors](errors.md), the settings in [configuration](configuration.md).',
    ...sections,
  ])
}

function rulesPage(): string {
  const sections = rules.flatMap(({ number, title, prevents, guards }) => [
    `## ${number}. ${title}`,
    `Prevents: ${prevents}`,
    table(
      ['what is kept', 'where', 'test that fails without it'],
      guards.map(({ ensures, file, test }) => [
        ensures,
        `\`${file}\``,
        `${test.title}${test.filled ?? ''} (\`${test.file}\`)`,
      ]),
    ),
  ])
  return page('Rules of the protocol', [
    'What journal, main, replica and reader must keep to, so that nothing is lost, doubled or served stale. Each rule stands with the failure that there would be without it, the places in the code that keep it, and for each place a test that fails when it is taken out. `npm run rules` takes every one of them out of a copy of the sources and checks that (`-- --only N7` for one rule, `-- --jobs 2` for two at once).',
    ...sections,
  ])
}

function page(title: string, parts: readonly string[]): string {
  return `${[`# ${title}`, made, ...parts].join('\n\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
