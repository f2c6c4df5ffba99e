/** The journal in Redis Streams, which several processes of a site share: `import { openRedisJournal } from 'outpost/journal-redis'`. */
export type { Journal, JournalSharing } from './journal/journal.ts'
export { openRedisJournal, type RedisJournalOptions } from './journal/redis/open.ts'
export { type RedisReaderOptions, readRedisJournal } from './journal/redis/read.ts'
