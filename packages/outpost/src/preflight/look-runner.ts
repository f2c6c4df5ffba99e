import type { Clock } from '../clock/clock.ts'
import { GatheredLook } from './gathered-look.ts'
import type { Look } from './looks.ts'
import type { LookStatement } from './statements.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]

/** The rows that answered a look, and how many tuples of others stand before its own. */
interface Answered {
  readonly rows: Rows
  readonly before: ReadonlyMap<Look, number>
}

/** Kinds of look remembered; beyond them all are forgotten. */
const maximumKinds = 1_000

/**
 * Runs looks, those of one kind by many transactions at once as one statement: in a crowd a round trip and its statement
 * are shared.
 */
export class LookRunner {
  readonly #run: (statement: LookStatement) => Promise<Rows>
  readonly #clock: Clock
  readonly #patienceMs: number
  readonly #kinds = new Map<string, GatheredLook<Look, Answered>>()

  constructor(options: {
    readonly run: (statement: LookStatement) => Promise<Rows>
    readonly clock: Clock
    /** A look that takes longer keeps the next one waiting no more. */
    readonly patienceMs: number
  }) {
    this.#run = options.run
    this.#clock = options.clock
    this.#patienceMs = options.patienceMs
  }

  /** The rows for the look's `take`; undefined where none began in time. Errors: those of the statement. */
  async answer(look: Look): Promise<{ readonly rows: Rows; readonly before: number } | undefined> {
    const { name } = look
    if (name === undefined) return await this.#alone(look)
    try {
      const found = await this.#kind(name).ask(look)
      return found && { rows: found.rows, before: found.before.get(look) ?? 0 }
    } catch (error) {
      // A value that an expression cannot compute is not to spoil what others asked together with it.
      if (!isOfValues(error)) throw error
      return await this.#alone(look)
    }
  }

  async #alone(look: Look) {
    return { rows: await this.#run(look.statement(look.tuples)), before: 0 }
  }

  #kind(name: string): GatheredLook<Look, Answered> {
    const known = this.#kinds.get(name)
    if (known) return known
    if (this.#kinds.size >= maximumKinds) this.#kinds.clear()
    const kind = new GatheredLook<Look, Answered>({
      look: (looks) => this.#together(looks),
      clock: this.#clock,
      patienceMs: this.#patienceMs,
    })
    this.#kinds.set(name, kind)
    return kind
  }

  async #together(looks: readonly Look[]): Promise<Answered> {
    const before = new Map<Look, number>()
    const tuples = looks.flatMap((look, index) => {
      const last = looks[index - 1]
      before.set(look, last ? before.get(last)! + last.tuples.length : 0)
      return look.tuples
    })
    return { rows: await this.#run(looks[0]!.statement(tuples)), before }
  }
}

/** SQLSTATE class 22: data exception. */
const isOfValues = (error: unknown): boolean => String((error as { code?: unknown }).code).startsWith('22')
