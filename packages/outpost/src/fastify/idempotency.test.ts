import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, idempotencyOf, requestDigest } from './idempotency.ts'

const request = {
  key: 'k-1',
  site: 'observatory',
  tokenId: '7',
  method: 'POST',
  path: '/x',
  body: { a: 1, b: { c: 2, d: 3 } },
}

describe('idempotencyOf', () => {
  it('N22: scopes the key by site and API token', () => {
    expect(idempotencyOf(request)).toMatchObject({ scope: 'observatory/7', key: 'k-1' })
    expect(idempotencyOf({ ...request, key: undefined })).toBeUndefined()
  })

  it('N22: digests method, path and body', () => {
    const digest = requestDigest(request)
    expect(requestDigest({ ...request, body: { b: { d: 3, c: 2 }, a: 1 } })).toBe(digest)
    for (const other of [{ method: 'PUT' }, { path: '/y' }, { body: { a: 1 } }, { body: undefined }]) {
      expect(requestDigest({ ...request, ...other })).not.toBe(digest)
    }
  })

  it.each(['', 'x'.repeat(256), 'with space', 'umläut', 'line\nbreak'])('P9: refuses the key %j', (key) => {
    expect(() => idempotencyOf({ ...request, key })).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ status: 400 }) }),
    )
  })
})

describe('canonicalJson', () => {
  it('N22: does not depend on the order of members, and reads back as the same value', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, reversed(member)]),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
