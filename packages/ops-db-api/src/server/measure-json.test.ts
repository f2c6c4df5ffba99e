import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureJson } from './measure-json.ts'

/** Members and items with the containers around them, and how deep containers stand in one another. */
function sizeOf(value: unknown): { values: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { values: 0, depth: 0 }
  const parts = Object.values(value).map(sizeOf)
  const between = Math.max(0, parts.length - 1)
  return {
    values: parts.reduce((sum, part) => sum + part.values, 1 + between),
    depth: parts.reduce((most, part) => Math.max(most, part.depth), 0) + 1,
  }
}

describe('measureJson', () => {
  it('P9: tells exactly where a limit is passed, whatever the texts hold', () => {
    const text = fc.stringMatching(/^["\\{}[\],:a-z]*$/)
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.array(tie('value')),
        fc.dictionary(text, tie('value')),
      ),
    })).value
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2), (value, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, indent))
        const { values, depth } = sizeOf(value)
        expect(measureJson(bytes, { values, depth })).toBe('fits')
        if (depth > 0) expect(measureJson(bytes, { values, depth: depth - 1 })).toBe('too_deep')
        if (values > 0) expect(measureJson(bytes, { values: values - 1, depth })).toBe('too_many')
      }),
    )
  })

  it('P9: comes to an end with what is no JSON', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^["\\{}[\],]*$/), (text) => {
        expect(measureJson(Buffer.from(text), { values: 5, depth: 5 })).toMatch(/^(fits|too_many|too_deep)$/)
      }),
    )
  })
})
