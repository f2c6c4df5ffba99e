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
  '3 statement': '7d0a8e0aac72c3168fc6d9e6d191ef771b692980877fdeaa22cf3d1d5ef6b251',
  '4 apply': '10dad263fdae479b1be1cf18ef73f09b65eb2bc86d1ca4d25ce47052648d1d8c',
  '5 keys': 'eb64d60b9312cf0fef0eadd6b35dc30b2c742f4c98012e898d2061a1bc7498c3',
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
