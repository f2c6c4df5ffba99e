import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { currentFolder } from './current-folder.ts'
import { recordingContext } from './recorded-run.spec-suite.ts'
import { run } from './run.ts'

const before = process.cwd()
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-gone-'))
  process.chdir(folder)
  rmdirSync(folder)
})
afterEach(() => process.chdir(before))

it('P9: says that the folder is gone, where a command reads its settings there', async () => {
  const { context, written } = recordingContext({ cwd: currentFolder })
  expect(await run(['migrate'], context)).toBe(2)
  expect(written.stderr).toMatch(/^error: The folder that this was started in is gone\.\nhint: Change to one/)
})

it('needs no folder for a command that reads none', async () => {
  const { context, written } = recordingContext({ cwd: currentFolder })
  expect(await run(['--help'], context)).toBe(0)
  expect(written.stdout).toContain('Usage: outpost')
})
