import { open, readFile, rename } from 'node:fs/promises'
import type { KnownToken } from './known-token.ts'
import { isScope } from './scope.ts'

/**
 * Keeps the known tokens (hashes only) on disk, so that a site started with every database away still knows its
 * clients. Replaced as a whole by a rename; a missing or unreadable file means that none are known yet.
 */
export async function saveTokens(path: string, tokens: readonly KnownToken[]): Promise<void> {
  const next = `${path}.next`
  const file = await open(next, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify({ tokens }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
}

export async function loadTokens(path: string): Promise<readonly KnownToken[]> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'))
    const tokens = (content as { tokens?: unknown }).tokens
    return Array.isArray(tokens) ? tokens.filter(isKnownToken) : []
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isAbsent || error instanceof SyntaxError) return []
    throw error
  }
}

function isKnownToken(value: unknown): value is KnownToken {
  if (typeof value !== 'object' || value === null) return false
  const { id, name, prefix, sha256, scopes } = value as Partial<KnownToken>
  const areTexts = [name, prefix, sha256].every((text) => typeof text === 'string')
  return typeof id === 'number' && areTexts && Array.isArray(scopes) && scopes.every(isScope)
}
