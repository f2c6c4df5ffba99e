import type { Argument, Command, Option } from 'commander'
import { exitCodes } from '../command/exit-codes.ts'
import { defaultBasePort, portOffsets } from '../demo/ports.ts'

/** `docs/reference/cli.md`, rendered from the commands themselves so that it cannot say anything else. */
export function renderCliReference(program: Command): string {
  const sections = leavesOf(program, []).map(({ path, command }) => renderCommand(path, command))
  return `${[heading, ...sections, renderPorts(), renderExitCodes()].join('\n')}`
}

const heading = `# The outpost command

Generated from the commands; \`npx vitest run packages/cli/src/reference -u\` writes it again.

Data goes to stdout, progress and errors go to stderr. An error is told as \`error: …\` and \`hint: …\`; with \`--json\`
stdout also gets a problem document of one line, with \`code\`, \`detail\`, \`hint\` and \`exit_code\`.
`

interface Leaf {
  readonly path: string
  readonly command: Command
}

function leavesOf(command: Command, parents: readonly string[]): readonly Leaf[] {
  const names = [...parents, command.name()]
  if (command.commands.length === 0) return [{ path: names.join(' '), command }]
  return command.commands.flatMap((child) => leavesOf(child, names))
}

function renderCommand(path: string, command: Command): string {
  const usage = [path, ...command.registeredArguments.map(renderArgument), '[options]'].join(' ')
  const rows = [
    ...command.registeredArguments.map((argument) => [renderArgument(argument), argument.description]),
    ...command.options
      .filter((option) => !option.hidden)
      .map((option) => [option.flags, describeOption(option)]),
  ]
  const table = rows.map(([name, meaning]) => `| \`${name}\` | ${meaning} |\n`).join('')
  return `## ${path}

${command.description()}

\`${usage}\`

| option | meaning |
| --- | --- |
${table}${renderExamples(command)}`
}

function renderArgument(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`
}

function describeOption(option: Option): string {
  const choices = option.argChoices ? ` (${option.argChoices.join(', ')})` : ''
  const value = option.defaultValue === undefined ? '' : ` (default: ${String(option.defaultValue)})`
  return `${option.description}${choices}${value}`.replaceAll('|', '\\|')
}

function renderExamples(command: Command): string {
  const help: string[] = []
  command.configureOutput({ writeOut: (text) => void help.push(text) })
  command.outputHelp()
  const lines = help.join('').split('\n')
  const examples = lines.filter((line) => line.startsWith('  $ ')).map((line) => line.slice(4))
  return examples.length === 0 ? '' : `\n\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`
}

function renderPorts(): string {
  const rows = Object.entries(portOffsets).map(
    ([name, offset]) => `| ${name} | +${offset} | ${defaultBasePort + offset} |\n`,
  )
  return `## Ports of the demo

| what | offset from \`--port\` | default |
| --- | --- | --- |
${rows.join('')}
Without \`--port\` the demo takes the first block of ports that is wholly free, from ${defaultBasePort} on in steps of ten.
`
}

function renderExitCodes(): string {
  const rows = exitCodes.map(({ code, meaning }) => `| ${code} | ${meaning} |\n`)
  return `## Exit codes\n\n| code | meaning |\n| --- | --- |\n${rows.join('')}`
}
