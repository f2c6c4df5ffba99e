import { describe, expect, it } from 'vitest'
import { buildProgram } from '../command/program.ts'
import { recordingContext } from '../command/recorded-run.spec-suite.ts'
import { renderCliReference } from './cli-reference.ts'

describe('docs/reference/cli.md', () => {
  it('names every command and option as they are', async () => {
    const program = buildProgram(recordingContext().context)
    await expect(renderCliReference(program)).toMatchFileSnapshot('../../../../docs/reference/cli.md')
  })
})
