import fc from 'fast-check'
import { expect, it } from 'vitest'
import { systemRandom } from './random-source.ts'
import { createUuidV7, uuidV4 } from './uuid-v7.ts'

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

it('makes UUIDs of version 7 that carry the time', () => {
  const id = createUuidV7({ nowMs: () => 0x0193_4567_89ab }, systemRandom)()
  expect(id).toMatch(shape)
  expect(id.slice(0, 13)).toBe('01934567-89ab')
})

it('matches the layout of RFC 9562 to the bit', () => {
  const ones = { fill: (bytes: Uint8Array) => bytes.fill(0xff) }
  expect(createUuidV7({ nowMs: () => 1 }, ones)()).toBe('00000000-0001-77ff-bfff-ffffffffffff')
})

it('rises strictly, whatever the clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 200 }), (times) => {
      let at = 0
      const next = createUuidV7(
        { nowMs: () => 1_700_000_000_000 + times[at++ % times.length]! },
        systemRandom,
      )
      const ids = times.map(() => next())
      expect([...ids].sort()).toEqual(ids)
      expect(new Set(ids).size).toBe(ids.length)
    }),
  )
})

it('runs ahead of a clock that stands still for longer than the counter lasts', () => {
  const next = createUuidV7({ nowMs: () => 5 }, systemRandom)
  const ids = Array.from({ length: 10_000 }, next)
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})

it('makes UUIDs of version 4', () => {
  expect(uuidV4(systemRandom)).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  expect(uuidV4(systemRandom)).not.toBe(uuidV4(systemRandom))
})
