import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A token as it is shown once to its owner: `opsdb_<prefix>_<secret>`, the secret with 256 random bits. */
export interface NewToken {
  readonly token: string
  readonly prefix: string
  readonly sha256: string
}

const pattern = /^opsdb_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/

/** Makes a token. A plain SHA-256 is enough to store: nobody can guess 256 random bits. */
export function newToken(): NewToken {
  const prefix = randomBytes(6).toString('hex')
  const token = `opsdb_${prefix}_${randomBytes(32).toString('base64url')}`
  return { token, prefix, sha256: sha256Of(token) }
}

/** The public prefix of a well-formed token, or undefined. */
export function prefixOf(token: string): string | undefined {
  return pattern.exec(token)?.[1]
}

function sha256Of(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Compares in constant time. */
export function matchesHash(token: string, sha256: string): boolean {
  const a = Buffer.from(sha256Of(token), 'hex')
  const b = Buffer.from(sha256, 'hex')
  return a.length === b.length && timingSafeEqual(a, b)
}
