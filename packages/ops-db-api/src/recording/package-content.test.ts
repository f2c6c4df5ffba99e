import { describe, expect, it } from 'vitest'
import { sumUp } from './package-content.ts'

const file = (id: string, size_bytes: string | null, raw_data_package_id: string | null) => ({
  id,
  size_bytes,
  raw_data_package_id,
})

describe('sumUp', () => {
  it('takes the files of the package when it has any', () => {
    const content = sumUp([file('a', '10', 'p'), file('b', '5', 'p'), file('c', '100', null)])
    expect(content).toMatchObject({ fileCount: 2, sizeBytes: 15, looseFileIds: [] })
  })

  it('takes the loose files of the unit and module when it has none', () => {
    const content = sumUp([file('a', '10', null), file('b', null, null)])
    expect(content).toMatchObject({ fileCount: 2, sizeBytes: 10, looseFileIds: ['a', 'b'] })
  })

  it('notices a file that came or changed, whatever the order', () => {
    const before = sumUp([file('a', '10', null), file('b', '5', null)])
    expect(sumUp([file('b', '5', null), file('a', '10', null)]).fingerprint).toBe(before.fingerprint)
    expect(sumUp([file('a', '11', null), file('b', '5', null)]).fingerprint).not.toBe(before.fingerprint)
  })
})
