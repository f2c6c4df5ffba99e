import { OutpostError } from 'outpost'
import type { SqlClient } from '../reference/seed-reference-data.ts'
import type { Scope } from './scope.ts'
import { newToken } from './token-secret.ts'

export interface TokenRequest {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** User that the token acts for. */
  readonly username?: string
  readonly expiresAt?: Date
}

export interface CreatedToken {
  readonly id: number
  /** Shown once: only its hash is kept. */
  readonly token: string
  readonly prefix: string
}

/** Makes an API token on main and answers it; nobody can read it again. Error: `invalid_value` for an unknown user. */
export async function createToken(client: SqlClient, request: TokenRequest): Promise<CreatedToken> {
  if (request.username !== undefined) {
    const { rows: users } = await client.query('SELECT id FROM public."user" WHERE username = $1', [
      request.username,
    ])
    if (users.length === 0) {
      throw new OutpostError('invalid_value', `There is no user "${request.username}" to act for.`, {
        hint: 'Name a user of the table "user", or leave it out.',
      })
    }
  }
  const { token, prefix, sha256 } = newToken()
  const { rows } = await client.query(
    `INSERT INTO public.api_token (user_id, name, prefix, token_sha256, scopes, expires_at)
     VALUES ((SELECT id FROM public."user" WHERE username = $1), $2, $3, $4, $5, $6) RETURNING id`,
    [request.username ?? null, request.name, prefix, sha256, [...request.scopes], request.expiresAt ?? null],
  )
  return { id: Number(rows[0]?.id), token, prefix }
}
