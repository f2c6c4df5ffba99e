import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CommandContext } from './context.ts'
import { buildProgram, eachCommand } from './program.ts'
import { run } from './run.ts'

function recordingContext(env: Record<string, string> = {}) {
  const written = { stdout: '', stderr: '' }
  const context: CommandContext = {
    env,
    cwd: '/',
    stdout: (text) => {
      written.stdout += text
    },
    stderr: (text) => {
      written.stderr += text
    },
    isTerminal: false,
    stopSignal: () => new AbortController().signal,
    setExitCode: () => undefined,
  }
  return { context, written }
}

describe('run', () => {
  it('suggests the command that was meant', async () => {
    const { context, written } = recordingContext()
    expect(await run(['stauts'], context)).toBe(2)
    expect(written).toEqual({
      stdout: '',
      stderr: "error: unknown command 'stauts'\nhint: Did you mean status?\n",
    })
  })

  it('suggests the option that was meant', async () => {
    const { context, written } = recordingContext()
    expect(await run(['status', '--ulr', 'x'], context)).toBe(2)
    expect(written.stderr).toContain('Did you mean --url?')
  })

  it('prints a problem document with --json, also for wrong usage', async () => {
    const { context, written } = recordingContext()
    expect(await run(['tx', 'list', '--limit', '0', '--json'], context)).toBe(2)
    expect(JSON.parse(written.stdout)).toMatchObject({ code: 'usage_invalid', exit_code: 2 })
    expect(written.stderr).toMatch(/^error: .*--limit/)
  })

  it('prints a problem document when the site does not answer, with exit code 3', async () => {
    const { context, written } = recordingContext({ OUTPOST_URL: 'http://127.0.0.1:1' })
    expect(await run(['status', '--json'], context)).toBe(3)
    expect(JSON.parse(written.stdout)).toMatchObject({ code: 'site_unreachable', exit_code: 3 })
  })

  it('P9: refuses an address that is none', async () => {
    const { context, written } = recordingContext()
    expect(await run(['status', '--url', 'ftp://x'], context)).toBe(2)
    expect(written.stderr).toContain('"ftp://x" is not the http address of a site')
  })

  it('prints help on stdout with examples and exit codes, and ends with 0', async () => {
    const { context, written } = recordingContext()
    expect(await run(['--help'], context)).toBe(0)
    expect(written.stdout).toContain('Exit codes:')
    expect(written.stderr).toBe('')
  })

  it('tells the version of its package', async () => {
    const { context, written } = recordingContext()
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await run(['--version'], context)).toBe(0)
    expect(written.stdout).toBe(`${version}\n`)
  })

  it('shows help when no command is given', async () => {
    const { context, written } = recordingContext()
    expect(await run([], context)).toBe(2)
    expect(written).toMatchObject({ stdout: '', stderr: expect.stringContaining('Usage: outpost') })
  })
})

describe('every command that does something', () => {
  const { context } = recordingContext()
  eachCommand(buildProgram(context), (command) => {
    if (command.commands.length > 0 || command.name() === 'help') return
    it(`${command.name()} has --json, a description and examples`, () => {
      expect(command.options.map((option) => option.long)).toContain('--json')
      expect(command.description()).not.toBe('')
      const help: string[] = []
      command.configureOutput({ writeOut: (text) => void help.push(text) })
      command.outputHelp()
      expect(help.join('')).toContain('Examples:')
    })
  })
})
