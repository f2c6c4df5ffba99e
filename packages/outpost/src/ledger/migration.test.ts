import { describe, expect, it } from 'vitest'
import { migrationChecksum, outpostMigrations } from './migration.ts'

/**
 * The rule: a checksum here changes only while its migration is in no release (CHANGELOG: everything under
 * "Unreleased"). One that is released never changes again, not even in a comment or a space: databases have it
 * installed and refuse another text (`migration_changed`). What is to change then is a new migration.
 */
const pinned = {
  '1 ledger': 'debaa0fc885e818c2c5c72e8bbd5fd7070f5561b8b4bae59bfbf30d4d7c0b7dd',
  '2 hello': 'd9458fdd5d98cd233ace43a421934a71666d9dfede0dbbab7566382d6425b66c',
  '3 statement': '48f9d8139414642c2e29b7e7c4acae74dbc84ed81164ce9bebdefa138f484ded',
  '4 apply': 'eeefb6ec429aaf9521e6633465a0697b40851125f02811bea913f61c86c9f783',
  '5 keys': 'eb64d60b9312cf0fef0eadd6b35dc30b2c742f4c98012e898d2061a1bc7498c3',
  '6 conflicts': 'c3438c94bac12283d9805540aff3363f92c16969b4b13f253decc0ce4f63bf21',
}

describe('the migrations of Outpost', () => {
  it('are what their pinned checksums say', () => {
    const checksums = outpostMigrations.migrations.map((migration) => [
      `${migration.number} ${migration.name}`,
      migrationChecksum(migration),
    ])
    expect(Object.fromEntries(checksums)).toEqual(pinned)
  })

  it('are numbered without a gap', () => {
    expect(outpostMigrations.migrations.map(({ number }) => number)).toEqual(
      outpostMigrations.migrations.map((_, index) => index + 1),
    )
  })
})
