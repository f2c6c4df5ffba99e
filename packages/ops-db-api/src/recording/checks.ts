import type { Site } from 'outpost'
import { type ProblemCode, ProblemError } from 'outpost/fastify'
import { rowOnMain } from '../resources/proven-row.ts'
import { executedObsUnits } from '../resources/recorded-resources.ts'
import type { Resource } from '../resources/resource.ts'
import { serviceCodes } from '../service-codes.ts'
import type { KnownRows } from './known-rows.ts'
import type { Looks, Presence } from './looks.ts'

/** Whether everything could be looked at, or only the shape of the request. */
export type Verdict = 'checked' | 'shape_only'

/**
 * The look-ups that a write makes before it is accepted, beside the site's own pre-flight, which knows the tables'
 * constraints: what has another answer here, or is proven on main (N21). Each either throws the problem it found, or
 * says whether it could look at all.
 */
export class Checks {
  readonly #site: Site
  readonly #looks: Looks
  readonly #known: KnownRows

  constructor(site: Site, looks: Looks, known: KnownRows) {
    this.#site = site
    this.#looks = looks
    this.#known = known
  }

  /** Reference data must be there: the overlaid replica decides. */
  async requireReference(
    table: string,
    id: number,
    code: ProblemCode | 'unknown_reference',
    what: string,
  ): Promise<Verdict> {
    if (this.#known.has(table, id)) return 'checked'
    const presence = await this.#looks.row(table, id)
    if (presence.kind === 'unknown') return 'shape_only'
    if (presence.kind === 'absent') throw new ProblemError(code, `${what} ${id} is not known at this site.`)
    this.#known.add(table, id)
    return 'checked'
  }

  /** A recorded row that the write refers to. Absent: 422 when that is proven, else 503 `not_here_yet`. */
  async requireRecorded(resource: Resource, id: string): Promise<Verdict> {
    if (this.#known.has(resource.table, id)) return 'checked'
    const presence = await this.presenceProven(resource, id)
    if (presence.kind === 'unknown') return 'shape_only'
    if (presence.kind === 'absent') {
      throw new ProblemError('unknown_reference', `There is no ${resource.noun} with id ${id}.`)
    }
    this.#known.add(resource.table, id)
    return 'checked'
  }

  requireUnit(id: string): Promise<Verdict> {
    return this.requireRecorded(executedObsUnits, id)
  }

  requireModule(id: number | undefined): Promise<Verdict> {
    if (id === undefined) return Promise.resolve('checked')
    return this.requireReference('public.instrument_module', id, 'unknown_reference', 'The instrument module')
  }

  /** Many rows at once: one look finds those that are missing, and the first of them is asked for singly. */
  async requireEach<Id extends string | number>(
    table: string,
    ids: ReadonlySet<Id>,
    requireOne: (id: Id) => Promise<Verdict>,
  ): Promise<Verdict> {
    const asked = [...ids].filter((id) => !this.#known.has(table, id))
    const [only] = asked
    if (only === undefined) return 'checked'
    if (asked.length === 1) return requireOne(only)
    const sql = `SELECT id::text AS id FROM ${table} WHERE id IN (${numbered(1, asked.length)})`
    const rows = await this.rows(sql, asked)
    if (rows === undefined) return 'shape_only'
    const present = new Set(rows.map((row) => String(row.id)))
    const missing = asked.find((id) => !present.has(String(id)))
    if (missing !== undefined) return requireOne(missing)
    for (const id of asked) this.#known.add(table, id)
    return 'checked'
  }

  /** The row that the call changes, or a 404 when its absence is proven. Undefined: nobody could look. */
  async present(
    resource: Resource,
    id: string,
  ): Promise<Readonly<Record<string, string | null>> | undefined> {
    const presence = await this.presenceProven(resource, id)
    if (presence.kind === 'absent')
      throw new ProblemError(serviceCodes.not_found, `There is no ${resource.noun} with id ${id}.`)
    return presence.kind === 'present' ? presence.row : undefined
  }

  /** A row that the replica lacks may be on main already (N21): only then main is asked, briefly. */
  async presenceProven(resource: Resource, id: string): Promise<Presence> {
    const presence = await this.#looks.row(resource.table, id)
    if (presence.kind !== 'absent' || this.#site.readsMainOnly) return presence
    const found = await rowOnMain(this.#site, resource, id)
    return found === undefined ? presence : { kind: 'present', row: found.row }
  }

  /** Rows within the budget; undefined when nobody could look. */
  rows(sql: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[] | undefined> {
    return this.#looks.rows(sql, values)
  }
}

/** `$from, $from+1, …`: count placeholders. */
function numbered(from: number, count: number): string {
  return Array.from({ length: count }, (_none, index) => `$${from + index}`).join(', ')
}

/** Runs checks together; one that could not look makes the whole `shape_only`. */
export async function allChecked(checks: readonly Promise<Verdict>[]): Promise<Verdict> {
  const verdicts = await Promise.all(checks)
  return verdicts.includes('shape_only') ? 'shape_only' : 'checked'
}
