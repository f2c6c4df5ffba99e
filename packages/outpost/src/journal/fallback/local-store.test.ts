import { rm } from 'node:fs/promises'
import { makeLabFolder } from '@outpost/lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { LocalStore } from './local-store.ts'

describe('the local store of several processes', () => {
  let path: string
  const stores: LocalStore[] = []

  beforeEach(async () => {
    path = await makeLabFolder()
  })
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()))
    await rm(path, { recursive: true, force: true })
  })

  const open = async (author: string) => {
    const store = await LocalStore.open({
      path,
      clock: systemClock,
      author,
      makeEpoch: () => `epoch of ${author}`,
    })
    stores.push(store)
    return store
  }
  /** As after the first contact with Redis. */
  const openKnown = async (author: string) => {
    const store = await open(author)
    await store.endCopy('journal')
    return store
  }

  it('N2: leaves Redis once, in a new epoch, and says from where on', async () => {
    const one = await openKnown('one')
    const two = await open('two')
    expect(await Promise.all([one.leave('it is away'), two.leave('it is away')])).toEqual([true, false])
    expect(two.state).toMatchObject({ mode: 'fallback', reason: 'it is away', base: 0 })
    expect(two.state.epochs).toEqual([{ epoch: 'epoch of one', from: 1 }])
  })

  it('leaves no Redis that it has never met', async () => {
    expect(await (await open('one')).leave('it is away')).toBe(false)
  })

  it('returns only when every process that is there reaches Redis', async () => {
    const one = await openKnown('one')
    const two = await open('two')
    await one.leave('it is away')
    // Who left is away, before it says so itself.
    expect(two.isRedisUpForAll).toBe(false)
    await one.participate(true)
    await two.participate(false)
    expect(one.isRedisUpForAll).toBe(false)
    await two.part()
    expect(one.isRedisUpForAll).toBe(true)
  })

  it('lets one bring the journal back at a time, and gives up for one that has gone silent', async () => {
    const one = await openKnown('one')
    const two = await open('two')
    await one.leave('it is away')
    expect(await one.claimReturn('first')).toBe(true)
    expect(await two.claimReturn('second')).toBe(false)
    await one.holdAppends('first')
    expect(two.state.mode).toBe('returning')
    await expect(two.turnToRedis('second')).rejects.toMatchObject({ code: 'journal_unavailable' })
    await one.giveUpReturn('first')
    expect(two.state.mode).toBe('fallback')
    await expect(one.turnToRedis('first')).rejects.toMatchObject({ code: 'journal_unavailable' })
    expect(await two.claimReturn('second')).toBe(true)
    await two.holdAppends('second')
    await two.turnToRedis('second')
    expect(one.state).toMatchObject({ mode: 'redis', journal: 'second', reason: '' })
  })
})
