import { describe, expect, it } from 'vitest'
import { buildProgram } from '../command/program.ts'
import { renderCliReference } from './cli-reference.ts'

describe('docs/reference/cli.md', () => {
  it('names every command and option as they are', async () => {
    const program = buildProgram({
      env: {},
      cwd: '/',
      stdout: () => undefined,
      stderr: () => undefined,
      isTerminal: false,
      stopSignal: () => new AbortController().signal,
      setExitCode: () => undefined,
    })
    await expect(renderCliReference(program)).toMatchFileSnapshot('../../../../docs/reference/cli.md')
  })
})
