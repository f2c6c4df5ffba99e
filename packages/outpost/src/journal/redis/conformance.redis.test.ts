import { randomUUID } from 'node:crypto'
import { describeRedis, useRedis } from '@outpost/lab/testing'
import { describeJournal } from '../conformance.spec-suite.ts'
import { openRedisJournal } from './open.ts'

describeRedis('Redis journal', () => {
  const redis = useRedis()

  describeJournal('redis', async () => {
    const site = randomUUID()
    return {
      open: (options = {}) => openRedisJournal({ ...options, host: redis().host, port: redis().port, site }),
      remove: async () => undefined,
    }
  })
})
