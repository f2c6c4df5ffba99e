import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { processContext } from '../command/context.ts'
import { buildProgram } from '../command/program.ts'

const root = join(import.meta.dirname, '../../../..')

/** Everything that tells somebody to run `outpost …`: messages, hints and pages. */
function textsIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|md)$/.test(path) && !/\.test\.ts$|node_modules|^dist|\/dist\//.test(path))
    .map((path) => join(folder, path))
}

const files = [
  ...textsIn('packages'),
  ...textsIn('docs'),
  ...textsIn('examples'),
  'README.md',
  'CHANGELOG.md',
]

/** `site grant observatory --role x` → the words that have to be commands. */
function findCommand(program: Command, words: readonly string[]): Command | undefined {
  const [word, ...rest] = words
  const found = program.commands.find((command) => command.name() === word)
  if (found === undefined || found.commands.length === 0) return found
  return rest.length === 0 ? found : findCommand(found, rest)
}

describe('every command that a hint or a page names', () => {
  const program = buildProgram(processContext())
  const named = files.flatMap((file) =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(/`outpost ([a-z][^`]*)`|^ *outpost ([a-z].*)$/gm),
    ].map(([, inline, line]) => ({ file, text: (inline ?? line ?? '').replace(/ *#.*/, '') })),
  )

  it('exists, with its options', () => {
    expect(named.length).toBeGreaterThan(30)
    const unknown = named.filter(({ text }) => {
      const words = text.split(/ +/)
      const command = findCommand(program, words)
      if (command === undefined) return true
      const options = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0])
      return options.some(
        (option) => option !== '--help' && !command.options.some(({ long }) => long === option),
      )
    })
    expect(unknown).toEqual([])
  })
})
