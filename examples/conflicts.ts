import { setConflictPolicy } from 'outpost/migrate'
import { openSite, type Site } from 'outpost/site'
import type { ClientBase } from 'pg'
import type { Place } from './place.ts'

const id = '0193a1c2-7d3e-7000-8000-000000000001'
const tables = ['plan_merged', 'plan_compared', 'plan_latest', 'plan_logged', 'plan_own']

/** Beside the tables, in a migration: what becomes of a row that two sites change at once. */
async function declare(main: Pick<ClientBase, 'query'>): Promise<void> {
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

/** One user's change, with what that user saw before. */
async function change(site: Site, table: string, set: object, seen?: object) {
  const write = site.transaction()
  write.update(table, { id }, { ...set }, seen ? { seen: { ...seen } } : {})
  return await site.append(write)
}

/** Two sites change the same rows while the link is cut; each table ends as its policy says. */
export async function run({ siteOptions, link }: Place) {
  const observatory = await openSite(siteOptions('observatory'))
  await observatory.executeAndTrack(declare)
  await observatory.stop()
  const sites = [
    await openSite(siteOptions('conflicts-a')),
    await openSite(siteOptions('conflicts-b')),
  ] as const
  const [a, b] = sites
  try {
    link.cut()
    const seen = { status: 'draft', priority: 3 }
    await change(a, 'plan_merged', { status: 'accepted' })
    await change(b, 'plan_merged', { priority: 1 })

    const compared = [
      await change(a, 'plan_compared', { status: 'accepted' }, seen),
      await change(b, 'plan_compared', { status: 'refused' }, seen),
    ]
    await change(a, 'plan_latest', { status: 'accepted' }, seen)
    const last = await change(b, 'plan_latest', { status: 'refused' }, seen)

    const logged = await change(a, 'plan_logged', { status: 'accepted' }).catch((error) => error.code)

    await change(a, 'plan_own', { priority: 7 }, seen)
    const own = await change(b, 'plan_own', { priority: 5 }, seen)
    link.restore()

    await Promise.all([
      last.replicated(),
      own.replicated(),
      ...compared.map((one) => one.applied().catch(() => 'refused')),
    ])
    for (const site of sites) await untilDrained(site)
    const row = async (table: string) =>
      (await a.read(`SELECT status, priority FROM ${table}`, [], { node: 'main' })).rows[0]
    const conflicts = await a.conflicts()
    return {
      merged: await row('plan_merged'),
      refusals: compared.filter(({ state }) => state === 'rejected').length,
      latest: await row('plan_latest'),
      logged,
      own: await row('plan_own'),
      recorded: [...new Set(conflicts.map(({ policy }) => policy))].sort(),
    }
  } finally {
    link.restore()
    for (const site of sites) await site.stop()
  }
}

/** Main has answered about everything, and the replica shows it. */
async function untilDrained(site: Site): Promise<void> {
  while (site.bufferStatistics().pending_transactions > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
}
