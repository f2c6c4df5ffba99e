import fc from 'fast-check'
import { ProblemError } from 'outpost/fastify'
import { describe, expect, it } from 'vitest'
import { assertStorable, isStorableText } from './text-hygiene.ts'

function codeOf(body: unknown): string | undefined {
  try {
    assertStorable(body)
    return undefined
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
}

describe('assertStorable', () => {
  it.each([
    [{ name: 'a\0b' }, 'text_refused'],
    [{ list: ['ok', { deep: '\udc00' }] }, 'text_refused'],
    [{ 'na\0me': 1 }, 'text_refused'],
    [{ size: Number.POSITIVE_INFINITY }, 'invalid_value'],
    [JSON.parse('{"list":[{"__proto__":{}}]}'), 'unknown_column'],
    [{ name: '🔭 Ångström \u{10ffff}', constructor: {} }, undefined],
  ])('P9: answers %j with %s', (body, code) => {
    expect(codeOf(body)).toBe(code)
  })

  it('P9: survives nesting without end', () => {
    const depth = 1_000_000
    expect(codeOf(JSON.parse(`${'['.repeat(depth)}"\\u0000"${']'.repeat(depth)}`))).toBe('text_refused')
  })

  it('P9: agrees with the language about well-formed text', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const text = String.fromCharCode(...units)
        const isWellFormed = Buffer.from(text, 'utf8').toString('utf8') === text
        expect(isStorableText(text)).toBe(isWellFormed && !text.includes('\0'))
      }),
    )
  })
})
