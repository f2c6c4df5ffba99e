import { RedisServer } from '@outpost/lab'
import { describeRedis, useRedis } from '@outpost/lab/testing'
import { afterEach, expect, it } from 'vitest'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { ask, useRedisSites } from './redis-site.spec-suite.ts'

describeRedis('a Redis that cannot keep a journal', () => {
  const redis = useRedis()
  const makeSite = useRedisSites(redis)
  const set = (name: string, value: string) => ask(redis(), 'CONFIG', 'SET', name, value)

  afterEach(async () => {
    await set('appendonly', 'yes')
    await set('appendfsync', 'always')
    await set('no-appendfsync-on-rewrite', 'no')
    await set('maxmemory-policy', 'noeviction')
  })

  it.each([
    ['appendonly', 'no'],
    ['appendfsync', 'everysec'],
    ['appendfsync', 'no'],
    ['no-appendfsync-on-rewrite', 'yes'],
    ['maxmemory-policy', 'allkeys-lru'],
  ])('P1: is refused with %s %s, and nothing is written to it', async (name, value) => {
    await set(name, value)
    const before = await ask(redis(), 'DBSIZE')
    await expect(makeSite().open()).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(`${name} is ${value}`) as string,
      hint: expect.stringContaining(name) as string,
    })
    expect(await ask(redis(), 'DBSIZE')).toBe(before)
  })

  it('P1: is taken with everysec where that is allowed, and says so', async () => {
    await set('appendfsync', 'everysec')
    expect((await makeSite().open({ durability: 'relaxed' })).durability).toBe('relaxed')
    await set('appendfsync', 'always')
    expect((await makeSite().open({ durability: 'relaxed' })).durability).toBe('full')
  })

  it('is refused where CONFIG is forbidden', async () => {
    await ask(redis(), 'ACL', 'SETUSER', 'site', 'on', '>secret-of-the-site', '~*', '&*', '+@all', '-config')
    const failure = await makeSite()
      .open({ user: 'site', password: 'secret-of-the-site' })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'config_invalid',
      hint: expect.stringContaining('+config|get') as string,
    })
    expect(JSON.stringify(failure)).not.toContain('secret-of-the-site')
    await ask(redis(), 'ACL', 'SETUSER', 'site', '+config|get')
    const journal = await makeSite().open({ user: 'site', password: 'secret-of-the-site' })
    expect((await journal.append(sampleDraft(1))).seq).toBe(1)
  })

  it('is refused when it is a replica', async () => {
    const replica = await RedisServer.start({ config: { replicaof: `127.0.0.1 ${redis().port}` } })
    try {
      await expect(makeSite().open({ port: replica.port })).rejects.toMatchObject({
        code: 'config_invalid',
        hint: expect.stringContaining('REDIS_HOST') as string,
      })
    } finally {
      await replica.destroy()
    }
  })

  it('is refused when it comes back so, until it is put right', async () => {
    const site = makeSite()
    const journal = await site.open({ patienceMs: 300 })
    await journal.append(sampleDraft(1))
    await set('appendfsync', 'everysec')
    await ask(redis(), 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await ask(redis(), 'CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')
    // It has connected again and seen why not: only then is the message the one of that.
    await expect
      .poll(() => journal.appendRefusal?.()?.message, { timeout: 10_000 })
      .toContain('appendfsync is everysec')
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({
      code: 'journal_unavailable',
      message: expect.stringContaining('appendfsync is everysec') as string,
    })
    await set('appendfsync', 'always')
    await expect.poll(() => journal.appendRefusal?.(), { timeout: 10_000 }).toBeUndefined()
    expect((await journal.append(sampleDraft(3))).seq).toBe(2)
  })

  it('says that nothing answers where nothing is', async () => {
    await expect(makeSite().open({ port: 1 })).rejects.toMatchObject({ code: 'journal_unavailable' })
  })
})
