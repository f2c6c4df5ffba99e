import { isOutpostError, type Site } from 'outpost'
import { isDatabaseError, isSocketError } from 'outpost/fastify'

/** How long a check may take by default; what it cannot learn by then, main decides. */
const defaultCheckBudgetMs = 50

/**
 * How long a look may go on after its check gave up. Ending it at the budget would close its connection, and one slow
 * moment would cost the next requests theirs.
 */
const abandonedLookMs = 1_000

/** What a look learned about a row. */
export type Presence =
  | { readonly kind: 'present'; readonly row: Readonly<Record<string, string | null>> }
  | { readonly kind: 'absent' }
  /** No database answered within the budget: the write is accepted and flagged. */
  | { readonly kind: 'unknown' }

type Rows = readonly Record<string, unknown>[]

/** Looks at the site's replica with everything pending over it, never for longer than a budget. */
export class Looks {
  readonly #site: Site
  readonly #budgetMs: number
  readonly #options: { readonly node: 'replica'; readonly timeoutMs: number }
  readonly #onFailed: (error: unknown) => void

  /** `onFailed` is told why a look found nothing out; a write does not fail for it. */
  constructor(
    site: Site,
    budgetMs: number = defaultCheckBudgetMs,
    onFailed: (error: unknown) => void = () => undefined,
  ) {
    this.#site = site
    this.#onFailed = onFailed
    this.#budgetMs = budgetMs
    this.#options = { node: 'replica', timeoutMs: Math.max(abandonedLookMs, budgetMs) }
  }

  /** A row by its id; the rows that the site itself recorded need no database. */
  async row(table: string, id: string | number): Promise<Presence> {
    const look = await this.#within(() => this.#site.readRow(table, { id }, this.#options))
    if (look === undefined) return { kind: 'unknown' }
    return look.found === undefined ? { kind: 'absent' } : { kind: 'present', row: look.found.row }
  }

  /** Rows of a SELECT, or undefined when no database answered in time. */
  async rows(sql: string, values: readonly unknown[]): Promise<Rows | undefined> {
    const look = await this.#within(() => this.#site.read(sql, values, this.#options))
    return look?.found.rows
  }

  /** What the look found, or undefined when it failed for want of a database or is not done in time. */
  async #within<Found>(look: () => Promise<Found>): Promise<{ readonly found: Found } | undefined> {
    const looking = look().then(
      (found) => ({ found }),
      (error: unknown) => {
        if (!isUnavailable(error)) throw error
        this.#onFailed(error)
        return undefined
      },
    )
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#budgetMs)
    })
    // Whatever an abandoned look comes to is of no interest any more.
    looking.catch(() => undefined)
    try {
      return await Promise.race([looking, tooLate])
    } finally {
      clearTimeout(timer)
    }
  }
}

/**
 * True for an error that says nothing about the data: the database is away, slow, busy or refuses the site, or the
 * look itself no longer fits main's tables. Recording goes on then (P2), and main decides.
 */
function isUnavailable(error: unknown): boolean {
  if (isOutpostError(error)) return error.status === 503 || error.status === 504
  return isSocketError(error) || isDatabaseError(error)
}
