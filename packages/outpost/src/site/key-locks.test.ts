import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyLocks } from './key-locks.ts'

describe('KeyLocks', () => {
  it('N22: sections that share a key never overlap, whatever the keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }), {
          minLength: 1,
          maxLength: 12,
        }),
        async (requests) => {
          const locks = new KeyLocks()
          const inside = new Set<string>()
          const served: number[] = []
          await Promise.all(
            requests.map((keys, index) =>
              locks.run(keys, 5_000, async () => {
                for (const key of keys) {
                  expect(inside.has(key)).toBe(false)
                  inside.add(key)
                }
                await new Promise((resolve) => setImmediate(resolve))
                for (const key of keys) inside.delete(key)
                served.push(index)
              }),
            ),
          )
          expect(served).toHaveLength(requests.length)
          // The last section's keys are forgotten one turn after it ended.
          await new Promise((resolve) => setImmediate(resolve))
          expect(locks.size).toBe(0)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('gives up at the deadline without letting a later request in', async () => {
    const locks = new KeyLocks()
    let release: () => void = () => undefined
    let isInside = true
    const first = locks.run(['row'], 1_000, async () => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      isInside = false
    })
    await expect(locks.run(['row'], 5, async () => 'second')).rejects.toMatchObject({ code: 'wait_timeout' })
    const third = locks.run(['row'], 1_000, async () => isInside)
    release()
    await first
    await expect(third).resolves.toBe(false)
  })

  it('frees the keys when the work throws', async () => {
    const locks = new KeyLocks()
    await expect(locks.run(['row'], 100, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(locks.run(['row'], 100, async () => 'next')).resolves.toBe('next')
  })
})
