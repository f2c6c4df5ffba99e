import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock } from 'outpost'
import { openLmdbJournal } from 'outpost/site'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const outpost = [
  process.execPath,
  '--conditions=@outpost/source',
  '--import',
  import.meta.resolve('tsx'),
  main,
]

/**
 * Runs the command with a pipe whose reader is gone for certain: the loop ends at the first write that fails. Answers
 * the exit code and what the other stream got.
 */
async function intoClosedPipe(stream: 'stdout' | 'stderr', args: readonly string[], cwd: string) {
  const redirected = stream === 'stdout' ? '2>&3' : '2>&1 >&3'
  const script = `
    { { trap '' PIPE
        while echo probe; do :; done 2>/dev/null
        "$@" ${redirected}
        echo "exit $?" >&3
      } | true; } 3>&1`
  const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', ...outpost, ...args], { cwd })
  return stdout
}

describe('a reader that is gone', () => {
  let journal: string

  beforeAll(async () => {
    journal = mkdtempSync(join(tmpdir(), 'outpost-pipe-'))
    await (await openLmdbJournal({ path: journal, clock: systemClock })).stop()
  })
  afterAll(() => rmSync(journal, { recursive: true }))

  it.each(['--help', 'serve --help', 'tx list --json --journal .'])(
    'of stdout ends `outpost %s` without a word',
    async (line) => {
      expect(await intoClosedPipe('stdout', line.split(' '), journal)).toBe('exit 141\n')
    },
  )

  it('of stderr ends a command that fails without a word', async () => {
    expect(await intoClosedPipe('stderr', ['stauts'], journal)).toBe('exit 141\n')
  })
})
