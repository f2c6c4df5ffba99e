import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildProgram, eachCommand } from './program.ts'
import { recordingContext, runRecorded } from './recorded-run.spec-suite.ts'

describe('run', () => {
  it('suggests the command that was meant', async () => {
    expect(await runRecorded(['stauts'])).toEqual({
      code: 2,
      stdout: '',
      stderr: "error: unknown command 'stauts'\nhint: Did you mean status?\n",
    })
  })

  it('suggests the option that was meant', async () => {
    const { code, stderr } = await runRecorded(['status', '--ulr', 'x'])
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean --url?')
  })

  it('prints a problem document with --json, also for wrong usage', async () => {
    const { code, stdout, stderr } = await runRecorded(['tx', 'list', '--limit', '0', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'usage_invalid', exit_code: 2 })
    expect(stderr).toMatch(/^error: .*--limit/)
  })

  it('prints a problem document when the site does not answer, with exit code 3', async () => {
    const { code, stdout } = await runRecorded(['status', '--json'], {
      OUTPOST_URL: 'http://127.0.0.1:1',
    })
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'site_unreachable', exit_code: 3 })
  })

  it('P9: refuses an address that is none', async () => {
    const { code, stderr } = await runRecorded(['status', '--url', 'ftp://x'])
    expect(code).toBe(2)
    expect(stderr).toContain('"ftp://x" is not the http address of a site')
  })

  it('prints help on stdout with examples and exit codes, and ends with 0', async () => {
    const { code, stdout, stderr } = await runRecorded(['--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('Exit codes:')
    expect(stderr).toBe('')
  })

  it('tells the version of its package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await runRecorded(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })

  it('shows help when no command is given', async () => {
    expect(await runRecorded([])).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Usage: outpost'),
    })
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
