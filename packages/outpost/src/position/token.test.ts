import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lsnFrom } from './lsn.ts'
import type { Position } from './position.ts'
import { timelineFrom } from './timeline.ts'
import { emptyToken, includesToken, mergeTokens, pruneToken, type SeenRecord, type Token } from './token.ts'
import { TokenCodec, tokenLimits } from './token-codec.ts'

const key = 'a secret of this test'
const codec = new TokenCodec(key)
const uuidFrom = (digit: string) =>
  `${digit.repeat(8)}-${digit.repeat(4)}-4${digit.repeat(3)}-8${digit.repeat(3)}-${digit.repeat(12)}`

// Few lineages, sites and numbers, so that the generated tokens meet often.
const anyPosition: fc.Arbitrary<Position> = fc.record({
  systemIdentifier: fc.constantFrom('7710248208508079279', '7710248218855369933'),
  timeline: fc.constantFrom(1, 2).map(timelineFrom),
  lsn: fc.oneof(fc.bigInt(0n, 5n), fc.bigInt(0n, 0xffff_ffff_ffff_ffffn)).map(lsnFrom),
  lineage: fc.constantFrom('a', 'b').map(uuidFrom),
  isVolatile: fc.boolean(),
})
const anySeen: fc.Arbitrary<SeenRecord> = fc.record({
  site: fc.constantFrom('observatory', 'köln'),
  epoch: fc.constantFrom('c', 'd').map(uuidFrom),
  seq: fc.nat({ max: 9 }),
})
const anyToken: fc.Arbitrary<Token> = fc.record({
  positions: fc.array(anyPosition, { maxLength: 4 }),
  seen: fc.array(anySeen, { maxLength: 5 }),
})

describe('merging tokens', () => {
  it('E9: does not depend on order, grouping or repetition', () => {
    fc.assert(
      fc.property(anyToken, anyToken, anyToken, (a, b, c) => {
        expect(mergeTokens(a, b)).toEqual(mergeTokens(b, a))
        expect(mergeTokens(mergeTokens(a, b), c)).toEqual(mergeTokens(a, mergeTokens(b, c)))
        expect(mergeTokens(a, a)).toEqual(mergeTokens(a))
        expect(mergeTokens(a, emptyToken)).toEqual(mergeTokens(a))
      }),
    )
  })

  it('P7: never falls below what either has seen', () => {
    fc.assert(
      fc.property(anyToken, anyToken, (a, b) => {
        const merged = mergeTokens(a, b)
        expect(includesToken(merged, a) && includesToken(merged, b)).toBe(true)
      }),
    )
  })

  it('P7: adds nothing that neither has seen', () => {
    fc.assert(
      fc.property(anyToken, anyToken, (a, b) => {
        const merged = mergeTokens(a, b)
        for (const position of merged.positions)
          expect([...a.positions, ...b.positions]).toContainEqual(position)
        for (const record of merged.seen) expect([...a.seen, ...b.seen]).toContainEqual(record)
      }),
    )
  })

  it('N2: keeps the records of two epochs of one site apart', () => {
    const restored: Token = { positions: [], seen: [{ site: 's', epoch: uuidFrom('c'), seq: 900 }] }
    const lost: Token = { positions: [], seen: [{ site: 's', epoch: uuidFrom('d'), seq: 1_000 }] }
    expect(mergeTokens(restored, lost).seen).toHaveLength(2)
    expect(pruneToken(mergeTokens(restored, lost), (record) => record.seq === 1_000).seen).toEqual(
      restored.seen,
    )
  })
})

describe('TokenCodec', () => {
  it('N21: gives back what was written, the same text for the same content', () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        const text = codec.encode(token)
        expect(codec.decode(text)).toEqual(mergeTokens(token))
        expect(codec.encode(codec.decode(text))).toBe(text)
        expect(text).toMatch(/^[\w-]+$/)
      }),
    )
  })

  it('P9: finds every change of a single character', () => {
    const refused = expect.objectContaining({ code: 'token_invalid' })
    fc.assert(
      fc.property(anyToken, fc.nat(), fc.constantFrom(...'Aa0_-=+/ é'), (token, at, character) => {
        const text = codec.encode(token)
        const place = at % text.length
        fc.pre(text[place] !== character)
        const changed = text.slice(0, place) + character + text.slice(place + 1)
        expect(() => codec.decode(changed)).toThrow(refused)
        expect(() => codec.decode(text.slice(0, place))).toThrow(refused)
        expect(() => codec.decode(text.slice(0, place) + character + text.slice(place))).toThrow(refused)
      }),
    )
  })

  it('P9: refuses any other text with token_invalid', () => {
    const refused = expect.objectContaining({ code: 'token_invalid' })
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => codec.decode(text)).toThrow(refused)
      }),
    )
    expect(() => codec.decode('A'.repeat(100_000))).toThrow(refused)
    expect(() => codec.decode(new TokenCodec('another secret key').encode(emptyToken))).toThrow(refused)
  })

  it('P11: refuses to grow without bound', () => {
    const records = (count: number): Token => ({
      positions: [],
      seen: Array.from({ length: count }, (_, n) => ({ site: `site ${n}`, epoch: uuidFrom('c'), seq: n })),
    })
    expect(codec.encode(records(tokenLimits.seen)).length).toBeLessThan(tokenLimits.textLength)
    expect(() => codec.encode(records(tokenLimits.seen + 1))).toThrow(/17 journal records/)
  })

  it('P11: its largest token fits its limit of characters', () => {
    const largest: Token = {
      positions: Array.from({ length: tokenLimits.positions }, (_, n) => ({
        systemIdentifier: '18446744073709551615',
        timeline: timelineFrom(0xffff_ffff - n),
        lsn: lsnFrom(0xffff_ffff_ffff_ffffn),
        lineage: uuidFrom('f'),
        isVolatile: true,
      })),
      seen: Array.from({ length: tokenLimits.seen }, (_, n) => ({
        site: `${n}`.padEnd(tokenLimits.siteNameLength, 'x'),
        epoch: uuidFrom('f'),
        seq: Number.MAX_SAFE_INTEGER,
      })),
    }
    expect(codec.decode(codec.encode(largest))).toEqual(mergeTokens(largest))
  })

  it('refuses a short key', () => {
    expect(() => new TokenCodec('short')).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  })
})
