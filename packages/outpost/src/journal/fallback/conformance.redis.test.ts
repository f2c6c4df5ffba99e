import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { makeLabFolder, RedisServer } from '@outpost/lab'
import { describeRedis, useRedis } from '@outpost/lab/testing'
import { describeJournal } from '../conformance.spec-suite.ts'
import { openRedisJournal } from '../redis/open.ts'

describeRedis('Redis journal with a fallback', () => {
  const redis = useRedis()

  describeJournal('redis with a local copy', async () => {
    const site = randomUUID()
    const fallbackPath = await makeLabFolder()
    const { host, port } = redis()
    return {
      open: (options = {}) => openRedisJournal({ ...options, host, port, site, fallbackPath }),
      remove: () => rm(fallbackPath, { recursive: true, force: true }),
    }
  })

  describeJournal('the local copy without Redis', async () => {
    const site = randomUUID()
    const fallbackPath = await makeLabFolder()
    const server = await RedisServer.start()
    const place = { host: server.host, port: server.port, site, fallbackPath }
    await (await openRedisJournal(place)).stop()
    await server.kill()
    return {
      open: (options = {}) => openRedisJournal({ ...options, ...place }),
      remove: async () => {
        await server.destroy()
        await rm(fallbackPath, { recursive: true, force: true })
      },
    }
  })
})
