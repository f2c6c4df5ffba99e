import { describe, expect, it } from 'vitest'
import { migrationChecksum, outpostMigrations } from './migration.ts'

/**
 * The rule: a checksum here changes only while its migration is in no release (CHANGELOG: everything under
 * "Unreleased"). One that is released never changes again, not even in a comment or a space: databases have it
 * installed and refuse another text (`migration_changed`). What is to change then is a new migration.
 */
const pinned = {
  '1 ledger': 'bd5353d9916d641af0ca5b216aaf55a828843177e701bb73b63cd7cb77dbee69',
  '2 hello': 'de5f54865dc6707fc6c21a73c765593e019948b4ee439e3df246c3b97eec1756',
  '3 statement': '45f7a1a23b443e93890685ab8ea6288b2edaf3a7c3cd3fc20553039040d44d61',
  '4 apply': '7ba43ad9db482212d5d59370e71b521d14766a88ce66cc3192e70c7d9b247bb4',
  '5 keys': 'eb64d60b9312cf0fef0eadd6b35dc30b2c742f4c98012e898d2061a1bc7498c3',
  '6 conflicts': '994b04ab0ca0193c2196f3940e2ce7bd00d6e6de67584bda672d99d1b9118a9b',
  '7 schema': '343d1931b7818b424910549e511088449727c1f07b92aa1128b155c14d295aed',
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
