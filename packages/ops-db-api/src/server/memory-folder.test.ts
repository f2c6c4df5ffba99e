import { describe, expect, it } from 'vitest'
import { isInMemory } from './memory-folder.ts'

describe.runIf(process.platform === 'linux')('isInMemory', () => {
  it('P1: tells memory from a disk', async () => {
    expect(await isInMemory('/dev/shm')).toBe(true)
    expect(await isInMemory(import.meta.dirname)).toBe(false)
  })
})
