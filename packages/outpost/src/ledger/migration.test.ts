import { describe, expect, it } from 'vitest'
import { migrationChecksum, outpostMigrations } from './migration.ts'

/**
 * The rule: a checksum here changes only while its migration is in no release (CHANGELOG: everything under
 * "Unreleased"). One that is released never changes again, not even in a comment or a space: databases have it
 * installed and refuse another text (`migration_changed`). What is to change then is a new migration.
 */
const pinned = {
  '1 ledger': '96bbd7ed9807e780f6461968934a7ad4788f09af456c9efc3eedec79a34e7283',
  '2 hello': '2604cc575549b98aea56bc5b5eaf6427d2c720b0a94384661299740480a722b3',
  '3 statement': 'db24fccc0424b575cebbdc1999425d12c2760791e07a17605d9a1ae023892f21',
  '4 apply': '2f03c573376654928c192f7a550062c7b8f9bd62d1bcb6417eb0600dc090d6ec',
  '5 decisions': '9f558786068692bf17c949c116cd1fd55631f2ce9cc9e6da0080be4635d21e42',
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
