import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const tsx = import.meta.resolve('tsx')
const isRoot = process.getuid?.() === 0
/** `nobody`, where this process may take on another user; a folder without any rights shuts out every other one. */
const other = isRoot ? { uid: 65_534, gid: 65_534 } : {}
const canRead = [main, fileURLToPath(tsx)].every(
  (file) => spawnSync('test', ['-r', file], other).status === 0,
)

it.skipIf(!canRead)('P9: a journal folder of another user is denied, not absent', () => {
  const journal = mkdtempSync(join(tmpdir(), 'outpost-denied-'))
  try {
    chmodSync(journal, 0)
    const args = ['--conditions=@outpost/source', '--import', tsx, main, 'tx', 'list', '--journal', journal]
    const env = { PATH: process.env.PATH, TMPDIR: tmpdir() }
    const { status, stderr } = spawnSync(process.execPath, args, {
      ...other,
      cwd: '/',
      env,
      encoding: 'utf8',
    })
    expect(stderr).toMatch(
      /^error: .*permission denied.*\nhint: --journal names a folder that this user may not use/,
    )
    expect(status).toBe(2)
  } finally {
    chmodSync(journal, 0o700)
    rmSync(journal, { recursive: true })
  }
})
