/** What a token may do. `write` includes `read`, `admin` includes both. */
export const scopes = ['read', 'write', 'admin'] as const

export type Scope = (typeof scopes)[number]

/** True when one of the granted scopes includes the required one. */
export function includesScope(granted: readonly Scope[], required: Scope): boolean {
  const needed = scopes.indexOf(required)
  return granted.some((scope) => scopes.indexOf(scope) >= needed)
}

export function isScope(value: unknown): value is Scope {
  return scopes.some((scope) => scope === value)
}
