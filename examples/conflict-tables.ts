import { setConflictPolicy } from 'outpost/migrate'
import type { ClientBase } from 'pg'

export const id = '0193a1c2-7d3e-7000-8000-000000000001'
const tables = ['plan_merged', 'plan_compared', 'plan_latest', 'plan_logged', 'plan_own']

/** Beside the tables, in a migration: what becomes of a row that two sites change at once. */
export async function declare(main: Pick<ClientBase, 'query'>): Promise<void> {
  for (const table of tables) {
    await main.query(`CREATE TABLE ${table} (id uuid PRIMARY KEY, status text, priority integer)`)
    await main.query(`INSERT INTO ${table} VALUES ($1, 'draft', 3)`, [id])
  }
  await main.query(`
    CREATE FUNCTION highest_priority(t text, key jsonb, base jsonb, mine jsonb, theirs jsonb) RETURNS jsonb LANGUAGE sql AS $$
      SELECT mine || jsonb_build_object('priority', greatest((mine->>'priority')::int, (theirs->>'priority')::int))
    $$`)
  const client = main as ClientBase
  await setConflictPolicy(client, 'public.plan_compared', 'compare_and_set')
  await setConflictPolicy(client, 'public.plan_latest', 'last_writer')
  await setConflictPolicy(client, 'public.plan_logged', 'append_only')
  await setConflictPolicy(client, 'public.plan_own', { function: 'public.highest_priority' })
}
