import { beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from '../journal/journal.ts'
import { Attempts } from './attempts.ts'
import { emptyDisk, type MemoryDisk, openMemoryJournal } from './memory-journal.spec-suite.ts'

describe('Attempts', () => {
  let disk: MemoryDisk
  let journal: Journal
  let nowMs: number

  const open = (retryAttempts = 3): Attempts => {
    journal = openMemoryJournal({ disk })
    const clock = { nowMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined }
    return new Attempts({ journal, clock, retryAttempts, retryDelayMs: 5_000 })
  }

  beforeEach(async () => {
    disk = emptyDisk()
    nowMs = 100_000
    open()
    for (const id of ['a', 'b', 'c']) {
      await journal.append({
        id,
        operations: [],
        digest: '00',
        writes: [],
        references: [],
        dependsOn: [],
        catalogVersion: '',
        flags: [],
      })
    }
  })

  it('N9: counts what main answered, and says which attempt is the last', async () => {
    const attempts = open()
    expect([attempts.made(1), attempts.isLast(1)]).toEqual([0, false])
    await attempts.wait([1, 2], false)
    await attempts.wait([1], false)
    expect([1, 2, 3].map((seq) => attempts.made(seq))).toEqual([2, 1, 0])
    expect([1, 2, 3].map((seq) => attempts.isLast(seq))).toEqual([true, false, false])
    expect(journal.status(1)).toEqual({ state: 'buffered', attempts: 2 })
    expect(open(1).isLast(3)).toBe(true)
  })

  it('N9: counts nothing while attempts are paused for other sites, but waits', async () => {
    const attempts = open()
    for (let i = 0; i < 5; i++) await attempts.wait([1], true)
    expect([attempts.made(1), attempts.isWaiting(1, nowMs)]).toEqual([0, true])
    expect(journal.status(1)).toEqual({ state: 'buffered' })
  })

  it('N9: goes on counting after a restart, when what waits is due at once', async () => {
    await open().wait([2], false)
    await open().wait([2], false)
    const attempts = open()
    expect([attempts.made(2), attempts.isLast(2), attempts.isWaiting(2, nowMs)]).toEqual([2, true, false])
    expect(attempts.made(1)).toBe(0)
  })

  it('P8: keeps what main had lost known as such, and counts anew what it lost', async () => {
    await journal.setStatus([
      { from: 1, to: 1, status: { state: 'applied', attempts: 3 } },
      { from: 1, to: 1, status: { state: 'buffered', redriven: 1 } },
    ])
    const attempts = open()
    expect(attempts.made(1)).toBe(0)
    await attempts.wait([1], false)
    expect(journal.status(1)).toEqual({ state: 'buffered', attempts: 1, redriven: 1 })
  })

  it('says when the next is due as fast when very many wait', async () => {
    const attempts = open()
    for (let i = 0; i < 100; i++) {
      const seqs = Array.from({ length: 1_000 }, (_, number) => i * 1_000 + number + 1)
      await attempts.wait(seqs, true)
      nowMs += 10
    }
    attempts.forget(Array.from({ length: 50_000 }, (_, number) => number + 1))
    const { user } = process.cpuUsage()
    for (let i = 0; i < 20_000; i++) attempts.nextDueMs
    expect(process.cpuUsage().user - user).toBeLessThan(1_000_000)
    expect(attempts.nextDueMs).toBe(105_000 + 50 * 10)
  })

  it('is due in order of time, at once when told so, and never for what has settled', async () => {
    const attempts = open()
    expect(attempts.nextDueMs).toBeUndefined()
    await attempts.wait([1], false)
    nowMs += 1_000
    await attempts.wait([2], false)
    expect(attempts.nextDueMs).toBe(105_000)
    attempts.forget([1])
    expect(attempts.nextDueMs).toBe(106_000)
    attempts.makeDue()
    expect([attempts.isWaiting(2, nowMs), attempts.made(2)]).toEqual([false, 1])
    attempts.forget([2])
    expect(attempts.nextDueMs).toBeUndefined()
  })
})
