import { describe, expect, it } from 'vitest'
import { migrationChecksum, outpostMigrations } from './migration.ts'

/**
 * The rule: a checksum here changes only while its migration is in no release (CHANGELOG: everything under
 * "Unreleased"). One that is released never changes again, not even in a comment or a space: databases have it
 * installed and refuse another text (`migration_changed`). What is to change then is a new migration.
 */
const pinned = {
  '1 ledger': 'cf11b077c3abaf5c7d12450601db314ffe334a11d52448c071bf1b01c0e33ed9',
  '2 hello': 'de5f54865dc6707fc6c21a73c765593e019948b4ee439e3df246c3b97eec1756',
  '3 statement': '48f9d8139414642c2e29b7e7c4acae74dbc84ed81164ce9bebdefa138f484ded',
  '4 apply': '39b04904a4d342d862e3dabe0c5f24f0b4c56f7124655339c4736f0dd4637b29',
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
