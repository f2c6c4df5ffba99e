const prefix = 'leaves|'

/**
 * Stands among the references of a transaction that takes this key away: by a delete, or by a change of the key. It
 * comes after whatever referred to the key before it (P4). No transaction writes such a key.
 */
export function leavingKey(key: string): string {
  return prefix + key
}

/** The keys that a transaction with these references takes away. */
export function leftKeys(references: readonly string[]): readonly string[] {
  const keys: string[] = []
  for (const key of references) if (key.startsWith(prefix)) keys.push(key.slice(prefix.length))
  return keys
}
