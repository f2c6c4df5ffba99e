import { isScope, type Scope } from './scope.ts'

/** A token as the site knows it: its hash, never the token. Times in milliseconds since 1970. */
export interface KnownToken {
  readonly id: number
  readonly name: string
  readonly prefix: string
  readonly sha256: string
  readonly scopes: readonly Scope[]
  readonly expiresAtMs?: number
  readonly revokedAtMs?: number
}

/** Every token, with times as numbers and scopes as one text, so that no driver's type parser matters. */
export const knownTokensSql = `
SELECT id, name, prefix, token_sha256, array_to_string(scopes, ',') AS scopes,
       (extract(epoch FROM expires_at) * 1000)::text AS expires_ms,
       (extract(epoch FROM revoked_at) * 1000)::text AS revoked_ms
FROM public.api_token`

/** Reads one row of {@link knownTokensSql}. */
export function knownTokenOf(row: Readonly<Record<string, unknown>>): KnownToken {
  const expires = timeOf(row.expires_ms)
  const revoked = timeOf(row.revoked_ms)
  return {
    id: Number(row.id),
    name: String(row.name),
    prefix: String(row.prefix),
    sha256: String(row.token_sha256),
    scopes: String(row.scopes).split(',').filter(isScope),
    ...(expires === undefined ? {} : { expiresAtMs: expires }),
    ...(revoked === undefined ? {} : { revokedAtMs: revoked }),
  }
}

function timeOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value)
}
