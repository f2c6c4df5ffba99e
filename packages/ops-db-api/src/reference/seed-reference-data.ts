import { obsUnitFacts } from './obs-unit-facts.ts'
import {
  dataLocationFacts,
  instrumentFacts,
  observatoryFacts,
  programFacts,
  roleFacts,
  userFacts,
} from './observatory-facts.ts'
import { sourceFacts } from './source-facts.ts'

/** The part of a pg client that loading needs. */
export interface SqlClient {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

/** A column's value, or the id of a row found by its name in another table. */
type Value = string | number | boolean | null

/**
 * Loads the reference data of the observatory into main, in one transaction. Rows are found by their name and left
 * as they are when they exist, so it may run again at any time.
 */
export async function seedReferenceData(client: SqlClient): Promise<void> {
  await client.query('BEGIN')
  try {
    await loadAll(client)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function loadAll(client: SqlClient): Promise<void> {
  const { observatory, telescope } = observatoryFacts
  const observatoryId = await ensure(client, 'observatory', { ...observatory })
  const telescopeId = await ensure(client, 'telescope', { ...telescope, observatory_id: observatoryId })
  const instruments = new Map<string, number>()
  for (const { modules, ...instrument } of instrumentFacts) {
    const id = await ensure(client, 'instrument', { ...instrument, telescope_id: telescopeId })
    instruments.set(instrument.name, id)
    for (const name of modules)
      await ensure(client, 'instrument_module', { name, instrument_id: id }, ['instrument_id', 'name'])
  }
  const programs = await ensureAll(client, 'observing_program', programFacts)
  const sources = await ensureAll(client, 'source', sourceFacts)
  for (const { program, source, instrument, ...unit } of obsUnitFacts) {
    await ensure(client, 'obs_unit', {
      ...unit,
      observing_program_id: idOf(programs, program),
      source_id: idOf(sources, source),
      instrument_id: idOf(instruments, instrument),
    })
  }
  await ensureAll(client, 'data_location', dataLocationFacts)
  const roles = await ensureAll(client, 'role', roleFacts)
  for (const { role, ...user } of userFacts) {
    await ensure(client, '"user"', { ...user, role_id: idOf(roles, role) }, ['username'])
  }
}

async function ensureAll(
  client: SqlClient,
  table: string,
  facts: readonly { readonly name: string }[],
): Promise<Map<string, number>> {
  const ids = new Map<string, number>()
  for (const fact of facts)
    ids.set(fact.name, await ensure(client, table, { ...fact } as Record<string, Value>))
  return ids
}

/** Inserts the row unless its key exists; answers the id either way. Names come from this package, values are bound. */
async function ensure(
  client: SqlClient,
  table: string,
  row: Readonly<Record<string, Value>>,
  key: readonly string[] = ['name'],
): Promise<number> {
  const columns = Object.keys(row)
  const numbered = columns.map((_column, index) => `$${index + 1}`).join(', ')
  await client.query(
    `INSERT INTO public.${table} (${columns.join(', ')}) VALUES (${numbered}) ON CONFLICT (${key.join(', ')}) DO NOTHING`,
    Object.values(row),
  )
  const where = key.map((column, index) => `${column} = $${index + 1}`).join(' AND ')
  const { rows } = await client.query(
    `SELECT id FROM public.${table} WHERE ${where}`,
    key.map((column) => row[column]),
  )
  return Number(rows[0]?.id)
}

function idOf(ids: ReadonlyMap<string, number>, name: string): number {
  const id = ids.get(name)
  if (id === undefined) throw new Error(`The reference data names '${name}', which is not among its facts.`)
  return id
}
