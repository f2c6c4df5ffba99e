import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProblemError } from 'outpost/fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newToken } from './token-secret.ts'
import { TokenStore, type TokenStoreOptions } from './token-store.ts'

let folder = ''
const stores: TokenStore[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokens-'))
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.stop()))
  await rm(folder, { recursive: true })
})

async function open(read: TokenStoreOptions['read']): Promise<TokenStore> {
  const store = await TokenStore.open({ read, path: join(folder, 'tokens.json') })
  stores.push(store)
  return store
}

const rowOf = ({ prefix, sha256 }: ReturnType<typeof newToken>, more: Record<string, unknown> = {}) => ({
  id: 1,
  name: 'telescope',
  prefix,
  token_sha256: sha256,
  scopes: 'read,write',
  expires_ms: null,
  revoked_ms: null,
  ...more,
})

const away = () => Promise.reject(new Error('every database is away'))

async function codeOf(verification: Promise<unknown>): Promise<string> {
  try {
    await verification
    return 'verified'
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
}

describe('TokenStore', () => {
  it('P2: still knows its tokens after a restart with every database away', async () => {
    const token = newToken()
    const first = await open(async () => [rowOf(token)])
    await first.refresh()
    await first.stop()
    const second = await open(away)
    await expect(second.verify(token.token)).resolves.toMatchObject({
      name: 'telescope',
      scopes: ['read', 'write'],
    })
  })

  it('keeps hashes only, and nobody else may read the file', async () => {
    const token = newToken()
    const store = await open(async () => [rowOf(token)])
    await store.refresh()
    const text = await readFile(join(folder, 'tokens.json'), 'utf8')
    expect(text).toContain(token.sha256)
    expect(text).not.toContain(token.token.split('_').slice(2).join('_'))
  })

  it('P9: refuses unknown, forged, expired and revoked tokens', async () => {
    const [good, expired, revoked] = [newToken(), newToken(), newToken()]
    const store = await open(async () => [
      rowOf(good),
      rowOf(expired, { expires_ms: '1000.0' }),
      rowOf(revoked, { revoked_ms: '1000.0' }),
    ])
    await store.refresh()
    expect(await codeOf(store.verify(good.token))).toBe('verified')
    expect(await codeOf(store.verify(expired.token))).toBe('token_expired')
    expect(await codeOf(store.verify(revoked.token))).toBe('token_expired')
    expect(await codeOf(store.verify(newToken().token))).toBe('token_unknown')
    expect(await codeOf(store.verify(`${good.token.slice(0, -1)}!`))).toBe('token_unknown')
    const forged = `${good.token.slice(0, 20)}${newToken().token.slice(20)}`
    expect(await codeOf(store.verify(forged))).toBe('token_unknown')
  })

  it('looks unknown tokens up, but not for every guess', async () => {
    let reads = 0
    const store = await open(async () => {
      reads++
      return []
    })
    await store.refresh()
    const before = reads
    await Promise.all(Array.from({ length: 100 }, () => codeOf(store.verify(newToken().token))))
    expect(reads - before).toBeLessThanOrEqual(1)
  })
})
