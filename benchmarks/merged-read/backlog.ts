import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import { systemClock } from '../../packages/outpost/src/clock/clock.ts'
import { createOverlay } from '../../packages/outpost/src/overlay/create-overlay.ts'
import type { Overlay } from '../../packages/outpost/src/overlay/overlay.ts'
import {
  epoch,
  MemoryJournal,
} from '../../packages/outpost/src/overlay/property/memory-journal.spec-suite.ts'
import type { Catalog } from '../../packages/outpost/src/postgres/catalog.ts'
import type { Operation, TextRow } from '../../packages/outpost/src/transaction/operation.ts'

/** A pending backlog of one table: 80 % inserts, 15 % patches and 5 % deletes of main's rows. */
export interface Backlog {
  readonly overlay: Overlay
  /** Units of which none, ten and a hundred rows are pending; absent where the backlog is smaller. */
  readonly units: ReadonlyMap<number, number>
  /** A row of main that is not pending, and a pending insert. */
  readonly storedKey: string
  readonly insertedKey: string | undefined
}

const table = 'public.run'
export const unitCount = 20_000
/** The newest transaction taken out before the backlog began. */
export const provenSeq = 10_000

function insert(id: string, unit: number, second: number): Operation {
  const start = new Date(Date.UTC(2026, 0, 1) + second * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace('Z', '+00')
  const row: TextRow = {
    id,
    obs_unit_id: String(unit),
    status: 'running',
    start_time: start,
    end_time: null,
    mean_elevation: '51.25',
    pwv_mm: '0.75',
    notes: `note ${second}`,
    priority: '3',
    version: '1',
  }
  return { kind: 'insert', table, row }
}

const patch = (id: string): Operation => ({
  kind: 'update',
  table,
  key: { id },
  set: { status: 'failed', end_time: '2026-01-02 00:00:00+00', version: '2' },
})

/** Mixes operations of the three kinds over random rows, with the matching ones of each unit among them. */
export async function makeBacklog(client: Client, catalog: Catalog, size: number): Promise<Backlog> {
  const journal = new MemoryJournal(provenSeq + 1)
  const overlay = createOverlay({ catalog: () => catalog, journal, clock: systemClock })
  const units = new Map<number, number>([[0, 0]])
  const operations: Operation[] = []
  for (const [matching, unit] of [
    [10, 1],
    [100, 2],
  ] as const) {
    if (size < matching) continue
    units.set(matching, unit)
    const stored = await idsOf(client, `obs_unit_id = ${unit}`, Math.ceil(matching / 5))
    operations.push(...mixed(matching, stored, () => unit))
  }
  const others = Math.max(0, size - operations.length)
  const stored = await idsOf(client, `obs_unit_id > 3 ORDER BY md5(id::text || 'x')`, Math.ceil(others / 5))
  operations.push(...mixed(others, stored, (index) => 3 + ((index * 7) % (unitCount - 3))))
  for (const operation of operations) overlay.fold([journal.add(operation)])
  const [storedKey] = await idsOf(client, 'obs_unit_id = 3', 1)
  const first = operations.find((operation) => operation.kind === 'insert')
  const insertedKey = first?.kind === 'insert' ? (first.row.id ?? undefined) : undefined
  return { overlay, units, storedKey: storedKey!, insertedKey }
}

function mixed(count: number, stored: readonly string[], unitOf: (index: number) => number): Operation[] {
  const changes = Math.min(stored.length, Math.round(count / 5))
  return Array.from({ length: count }, (_, index): Operation => {
    if (index >= changes) return insert(randomUUID(), unitOf(index), index)
    const id = stored[index]!
    return index % 4 === 3 ? { kind: 'delete', table, key: { id } } : patch(id)
  })
}

async function idsOf(client: Client, condition: string, limit: number): Promise<readonly string[]> {
  const result = await client.query<{ id: string }>(
    `SELECT id::text FROM public.run WHERE ${condition} LIMIT ${limit}`,
  )
  return result.rows.map((row) => row.id)
}

export { epoch }
