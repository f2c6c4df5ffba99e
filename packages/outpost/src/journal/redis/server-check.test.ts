import { expect, it } from 'vitest'
import { judgeServer, type ServerFacts } from './server-check.ts'

const sound = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
}

const facts = (
  config: Readonly<Record<string, string>> = {},
  more: Partial<ServerFacts> = {},
): ServerFacts => ({
  version: '7.0.15',
  run: 'r',
  role: 'master',
  config: new Map(Object.entries({ ...sound, ...config })),
  ...more,
})

it('takes a server that syncs every write, and says what it promises', () => {
  expect(judgeServer(facts(), 'full')).toBe('full')
  expect(judgeServer(facts(), 'relaxed')).toBe('full')
  expect(judgeServer(facts({ appendfsync: 'everysec' }), 'relaxed')).toBe('relaxed')
})

it.each([
  [facts({ appendonly: 'no' }), 'full', '`appendonly yes`'],
  [facts({ appendonly: 'no' }), 'relaxed', '`appendonly yes`'],
  [facts({ appendfsync: 'everysec' }), 'full', '`appendfsync always`'],
  [facts({ appendfsync: 'no' }), 'full', '`appendfsync always`'],
  [facts({ appendfsync: 'no' }), 'relaxed', '`appendfsync always`'],
  [facts({ 'no-appendfsync-on-rewrite': 'yes' }), 'full', '`no-appendfsync-on-rewrite no`'],
  [facts({ 'no-appendfsync-on-rewrite': 'yes' }), 'relaxed', '`no-appendfsync-on-rewrite no`'],
  [facts({ 'maxmemory-policy': 'allkeys-lru' }), 'full', '`maxmemory-policy noeviction`'],
  [facts({ 'maxmemory-policy': 'volatile-ttl' }), 'relaxed', '`maxmemory-policy noeviction`'],
  [facts({}, { version: '6.2.14' }), 'full', '7.0'],
  [facts({}, { role: 'slave' }), 'full', 'REDIS_HOST'],
  [facts({}, { config: undefined }), 'full', '+config|get'],
] as const)('refuses another and names what mends it (%#)', (server, allowed, named) => {
  expect(() => judgeServer(server, allowed)).toThrow(
    expect.objectContaining({ code: 'config_invalid', hint: expect.stringContaining(named) as string }),
  )
})

it('names everything that is wrong at once', () => {
  const server = facts({ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' })
  expect(() => judgeServer(server, 'full')).toThrow(/appendonly is no; maxmemory-policy is allkeys-lru/)
})
