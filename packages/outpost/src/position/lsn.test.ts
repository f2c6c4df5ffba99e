import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareLsn, formatLsn, lsnFrom, maxOfLsn, normalizeInsertLsn, parseLsn } from './lsn.ts'

const anyLsn = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(lsnFrom)
const boundaryPages = fc.bigInt({ min: 1n, max: 1n << 40n })

describe('Lsn', () => {
  it('E2: is compared as a number, where text would be wrong', () => {
    expect(compareLsn(parseLsn('0/9000000'), parseLsn('0/10000000'))).toBe(-1)
    expect('0/9000000' > '0/10000000').toBe(true)
    expect(compareLsn(parseLsn('1/0'), parseLsn('0/FFFFFFFF'))).toBe(1)
  })

  it('survives its text', () => {
    fc.assert(
      fc.property(anyLsn, (lsn) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn)
      }),
    )
    expect(formatLsn(parseLsn('16/b374d848'))).toBe('16/B374D848')
    expect(formatLsn(parseLsn('00000000/00000001'))).toBe('0/1')
  })

  it('P9: refuses every other text', () => {
    for (const text of [
      '',
      '/',
      '0/',
      '/0',
      '0/G',
      '1/2/3',
      '0x1/2',
      ' 0/1',
      '0/1\n',
      '123456789/0',
      '-1/0',
      '0/1 ',
    ]) {
      expect(() => parseLsn(text), text).toThrow(expect.objectContaining({ code: 'invalid_value' }))
    }
    expect(() => lsnFrom(-1n)).toThrow(/64 bits/)
    expect(() => lsnFrom(1n << 64n)).toThrow(/64 bits/)
  })

  it('keeps the later of two', () => {
    fc.assert(
      fc.property(anyLsn, anyLsn, (a, b) => {
        expect(maxOfLsn(a, b)).toBe(maxOfLsn(b, a))
        expect(compareLsn(maxOfLsn(a, b), a)).not.toBe(-1)
      }),
    )
  })
})

describe('normalizeInsertLsn', () => {
  it('E2: moves a position just after a page header down to the boundary', () => {
    expect(formatLsn(normalizeInsertLsn(parseLsn('0/3002018')))).toBe('0/3002000')
    expect(formatLsn(normalizeInsertLsn(parseLsn('0/4000028')))).toBe('0/4000000')
    fc.assert(
      fc.property(boundaryPages, (page) => {
        const boundary = lsnFrom(page * 8192n)
        const header = boundary % (16n << 20n) === 0n ? 0x28n : 0x18n
        expect(normalizeInsertLsn(lsnFrom(boundary + header))).toBe(boundary)
        expect(normalizeInsertLsn(boundary)).toBe(boundary)
      }),
    )
  })

  it('E2: leaves every other position alone and never moves up', () => {
    fc.assert(
      fc.property(anyLsn, (lsn) => {
        const normal = normalizeInsertLsn(lsn)
        expect(normal <= lsn && lsn - normal <= 0x28n).toBe(true)
        expect(normalizeInsertLsn(normal)).toBe(normal)
      }),
    )
    for (const text of ['0/3002017', '0/3002019', '0/3002028', '0/4000018', '0/4000029']) {
      expect(formatLsn(normalizeInsertLsn(parseLsn(text)))).toBe(text)
    }
  })

  it('E2: follows another segment size', () => {
    const oneMegabyte = { segmentBytes: 1 << 20 }
    expect(formatLsn(normalizeInsertLsn(parseLsn('0/3100028'), oneMegabyte))).toBe('0/3100000')
    expect(formatLsn(normalizeInsertLsn(parseLsn('0/3100028')))).toBe('0/3100028')
  })
})
