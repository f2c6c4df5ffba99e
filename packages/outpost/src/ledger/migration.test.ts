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
  '4 apply': 'ea8c205e9f5f41a76591dd280e71eb1351c7965b7fe02fbfcb4ad0d481a6480c',
  '5 decisions': '3ce155174656e915bf8076ff53935ab05f5d3a1c8ba42f6cb16951b8b74b4641',
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
