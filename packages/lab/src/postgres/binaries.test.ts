import { describe, expect, it } from 'vitest'
import { LabMissing } from '../errors/lab-error.ts'
import { findPostgres, majorOf } from './binaries.ts'

describe('findPostgres', () => {
  it.each([
    ['postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)', 15],
    ['postgres (PostgreSQL) 18.0', 18],
    ['postgres (PostgreSQL) 19devel', 19],
    ['postgres (PostgreSQL) 19beta2', 19],
  ])('reads %s', (text, major) => {
    expect(majorOf(text)).toBe(major)
  })

  it('finds the embedded version without any system package', () => {
    expect(findPostgres(18)).toMatchObject({ major: 18, origin: 'embedded' })
  })

  it('says what is missing and how to get it', () => {
    expect(() => findPostgres(9)).toThrow(LabMissing)
    expect(() => findPostgres(9)).toThrow('No PostgreSQL 9 was found')
  })
})
