import { createHash } from 'node:crypto'
import type { ReadPlan } from './sql/read-plan.ts'

/** Prepared statements named over the overlay's life; a client keeps each for as long as its connection. */
const maximumNames = 500

/** Names of prepared statements: equal texts under one catalog share a name on every connection. */
export class StatementNames {
  readonly #names = new Map<string, string>()
  /** The catalog that the names are for: a prepared statement does not outlive a change of its tables. */
  #version = ''

  /** A statement met once may never come again and has no name; one met again is worth its plan on the server. */
  nameFor({ catalog, uses }: ReadPlan, text: string): string | undefined {
    if (catalog.version !== this.#version) this.#names.clear()
    this.#version = catalog.version
    const known = this.#names.get(text)
    if (known !== undefined || uses < 2 || this.#names.size >= maximumNames) return known
    const name = statementName(catalog.version + text)
    this.#names.set(text, name)
    return name
  }
}

/** Equal texts have equal names. */
function statementName(text: string): string {
  return `op_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`
}
