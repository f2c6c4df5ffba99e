import { describe, expect, it } from 'vitest'
import { migrationChecksum, outpostMigrations } from './migration.ts'

/**
 * The rule: a checksum here changes only while its migration is in no release (CHANGELOG: everything under
 * "Unreleased"). One that is released never changes again, not even in a comment or a space: databases have it
 * installed and refuse another text (`migration_changed`). What is to change then is a new migration.
 */
const pinned = {
  '1 ledger': 'f98c6792abdeae76471ccb888ed1d1295779951a417601a5052ca986b21efdcc',
  '2 hello': '2604cc575549b98aea56bc5b5eaf6427d2c720b0a94384661299740480a722b3',
  '3 statement': '7d0a8e0aac72c3168fc6d9e6d191ef771b692980877fdeaa22cf3d1d5ef6b251',
  '4 apply': 'b2b27e5e59a3e343dee54814a23a7c4b766af00cc108347775bb99bb303ef080',
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
