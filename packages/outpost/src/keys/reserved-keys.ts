import type { RetentionFacts } from '../applier/retention.ts'
import { hasReached } from '../applier/retention.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { countOf, withoutFirst, withoutThrough } from './key-range.ts'
import { isUsable, type KeyBlock, KeyStock } from './key-stock.ts'
import type { KeyPlan, MainKeys } from './main-keys.ts'

/** What the builder gets for a column that main numbers. */
export type DrawnKey =
  | { readonly kind: 'drawn'; readonly value: string }
  /** No numbers are reserved for it. */
  | { readonly kind: 'unplanned' }
  /** They are, and none may be used now. */
  | { readonly kind: 'short'; readonly reason: string }

export interface KeyShortage {
  readonly table: string
  readonly left: number
  readonly reason: string
}

export interface ReservedKeysOptions {
  readonly journal: Pick<Journal, 'getFact' | 'setFact' | 'sharing'>
  readonly clock: Clock
  readonly main: Pick<MainKeys, 'plans' | 'keep' | 'lastUsed' | 'reserve'>
  /** Of the main that was last greeted. */
  readonly lineage: () => string | undefined
  readonly standbys: { positions(): Promise<RetentionFacts['promotable']> }
}

const plansEveryMs = 10_000
/** While main does not answer. */
const plansAgainMs = 1_000
const factOf = (table: string) => `keys|${table}`
const sharedReason =
  'several processes may share a journal in Redis, and reserved numbers are handed out by one: use JOURNAL=lmdb'

/**
 * The numbers of main's sequences that this site may use by itself, kept in the journal and refilled from main.
 *
 * Invariant: no number is handed out that main, present or to come, could give to somebody else: a block is used only
 * when every standby that could become main has it, and after a change of main only what that one has confirmed. A
 * transaction is appended only after a note is durable that its numbers are used (`settle`).
 */
export class ReservedKeys {
  readonly #options: ReservedKeysOptions
  readonly #stocks = new Map<string, KeyStock>()
  /** Blocks that main was asked about since the journal was opened: an older copy of it may hold used ones. */
  readonly #verified = new Set<string>()
  #planned: readonly KeyPlan[] = []
  #plansDueMs = Number.NEGATIVE_INFINITY
  #failure: string | undefined
  #waitsFor: string | undefined
  #refreshing: Promise<void> | undefined
  #storing: Promise<void> = Promise.resolve()
  #queued: Promise<void> | undefined

  constructor(options: ReservedKeysOptions) {
    this.#options = options
  }

  /** The next number of a table; at once, whatever main does. */
  draw(table: string, column: string): DrawnKey {
    if (this.#options.journal.sharing) return { kind: 'short', reason: sharedReason }
    const stock = this.#stockOf(table)
    if (stock?.column !== column) return { kind: 'unplanned' }
    const value = stock.draw(this.#options.lineage())
    if (value === undefined) return { kind: 'short', reason: this.#reasonFor(stock) }
    // Ahead of need; whether it has succeeded is looked at before the number gets into the journal.
    if (stock.mustNote) this.#store().catch(() => undefined)
    return { kind: 'drawn', value: String(value) }
  }

  /** Resolves when a crash could not hand out again what was drawn before the call. Errors: `journal_*`. */
  async settle(): Promise<void> {
    const drawn = [...this.#stocks.values()].map((stock) => [stock, stock.drawn] as const)
    for (const [stock, count] of drawn) while (!stock.isNoted(count)) await this.#store()
  }

  /** Asks main for what is missing, as far as it answers. Never rejects: see `shortages`. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Tables of which less than a quarter of a block may be used. */
  get shortages(): readonly KeyShortage[] {
    const lineage = this.#options.lineage()
    return [...this.#stocks].flatMap(([table, stock]) => {
      const left = stock.usable(lineage)
      return left * 4 >= stock.blockSize ? [] : [{ table, left, reason: this.#reasonFor(stock) }]
    })
  }

  async #refresh(): Promise<void> {
    const { clock, journal } = this.#options
    const lineage = this.#options.lineage()
    if (lineage === undefined || journal.sharing) return
    try {
      if (clock.monotonicMs() >= this.#plansDueMs) {
        this.#plansDueMs = clock.monotonicMs() + plansAgainMs
        this.#planned = await this.#options.main.plans()
        this.#plansDueMs = clock.monotonicMs() + plansEveryMs
      }
      for (const plan of this.#planned) await this.#refreshTable(plan, lineage)
      this.#failure = undefined
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error)
    }
  }

  async #refreshTable(plan: KeyPlan, lineage: string): Promise<void> {
    let stock = this.#stockOf(plan.table)
    if (stock === undefined || stock.column !== plan.column) {
      stock = new KeyStock(plan.column, plan.blockSize)
      this.#stocks.set(plan.table, stock)
    }
    stock.blockSize = plan.blockSize
    if (!(await this.#keep(plan, stock, lineage))) return
    await this.#prove(stock)
    if (stock.count * 2 > plan.blockSize) return
    const block = await this.#options.main.reserve(plan.table, lineage)
    if (block === undefined) return
    stock.add({ lineage, ...block })
    this.#verified.add(identityOf(plan.table, lineage, { lineage, ...block }))
    await this.#store()
    await this.#prove(stock)
  }

  /** False when main is another one than was greeted. */
  async #keep(plan: KeyPlan, stock: KeyStock, lineage: string): Promise<boolean> {
    for (const asked of stock.blocks) {
      const identity = identityOf(plan.table, lineage, asked)
      if (asked.lineage === lineage && this.#verified.has(identity)) continue
      const kept = await this.#options.main.keep(plan.table, lineage, asked.ranges)
      if (kept === undefined) return false
      const used = await this.#options.main.lastUsed(plan, kept.ranges)
      const isWhole = countOf(kept.ranges) === countOf(asked.ranges)
      stock.replace((block) => {
        if (identityOf(plan.table, lineage, block) !== identity) return block
        const drawn = countOf(asked.ranges) - countOf(block.ranges)
        const left = isWhole ? block.ranges : withoutFirst(kept.ranges, drawn)
        const ranges = used === undefined ? left : withoutThrough(left, used)
        return { ...block, lineage, ranges, ...(!isWhole && { position: kept.position }) }
      })
      this.#verified.add(identity)
      await this.#store()
    }
    return true
  }

  async #prove(stock: KeyStock): Promise<void> {
    if (stock.blocks.every(({ position }) => position === undefined)) return
    const standbys = await this.#options.standbys.positions()
    this.#waitsFor =
      standbys === 'unknown'
        ? 'PROMOTABLE_STANDBYS is not set, so nobody knows whether a main to come would give them out again'
        : 'a standby of PROMOTABLE_STANDBYS has not received them yet'
    const isProven = ({ position }: KeyBlock) =>
      standbys === 'none' ||
      (standbys !== 'unknown' &&
        standbys.every((standby) => standby !== undefined && hasReached(standby, position)))
    stock.replace((block) => {
      if (block.position === undefined || !isProven(block)) return block
      const { position: _proven, ...rest } = block
      return rest
    })
    await this.#store()
  }

  #stockOf(table: string): KeyStock | undefined {
    const known = this.#stocks.get(table)
    if (known) return known
    const text = this.#options.journal.getFact(factOf(table))
    if (text === undefined) return undefined
    const stock = KeyStock.parse(text)
    this.#stocks.set(table, stock)
    return stock
  }

  #reasonFor(stock: KeyStock): string {
    const lineage = this.#options.lineage()
    const waiting = stock.blocks.find((block) => !isUsable(block, lineage))
    if (waiting?.position !== undefined) return this.#waitsFor ?? 'they are being proven'
    if (waiting) return 'main was replaced, and the present one has not confirmed them yet'
    return this.#failure ?? 'main has not been asked for more yet'
  }

  /** One note at a time; who comes while one is being written waits for the next. */
  #store(): Promise<void> {
    this.#queued ??= this.#storing
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined
        this.#storing = this.#write()
        return this.#storing
      })
    return this.#queued
  }

  async #write(): Promise<void> {
    for (const [table, stock] of this.#stocks) {
      const text = stock.text()
      await this.#options.journal.setFact(factOf(table), text.text)
      stock.noted(text)
    }
  }
}

/** A block by its end, which stays while numbers are drawn from its front. */
function identityOf(table: string, lineage: string, block: KeyBlock): string {
  const last = block.ranges.at(-1)
  return `${lineage}|${table}|${last?.last}`
}
