import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteIdent, quoteLiteral, quoteTable } from './quote.ts'

describe('quoting', () => {
  it('leaves plain names bare and quotes the rest like quote_ident', () => {
    expect(quoteIdent('raw_data_file')).toBe('raw_data_file')
    expect(quoteIdent('user')).toBe('"user"')
    expect(quoteIdent('Role')).toBe('"Role"')
    expect(quoteIdent('1st')).toBe('"1st"')
    expect(quoteIdent('a"b')).toBe('"a""b"')
    expect(quoteIdent('größe')).toBe('"größe"')
    expect(quoteTable('public', 'user')).toBe('public."user"')
  })

  it('P9: no name and no text escapes its quotes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }).filter((s) => !s.includes('\0')),
        (text) => {
          const ident = quoteIdent(text)
          if (ident !== text) expect(ident.slice(1, -1).replaceAll('""', '')).not.toContain('"')
          const literal = quoteLiteral(text)
          expect(literal.slice(literal.indexOf("'") + 1, -1).replaceAll("''", '')).not.toContain("'")
        },
      ),
    )
  })

  it('P9: refuses what no name or text can hold', () => {
    expect(() => quoteIdent('')).toThrow(/cannot be the name/)
    expect(() => quoteIdent('a\0b')).toThrow(/cannot be the name/)
    expect(() => quoteLiteral('a\0b')).toThrow(/NUL/)
  })
})
