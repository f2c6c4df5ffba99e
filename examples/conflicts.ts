import { openSite, type Site } from 'outpost/site'
import { declare, id } from './conflict-tables.ts'
import type { Place } from './place.ts'

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
  const a = await openSite(siteOptions('conflicts-a'))
  const b = await openSite(siteOptions('conflicts-b'))
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
    for (const site of [a, b]) await untilDrained(site)
    const row = async (table: string) =>
      (await a.read(`SELECT status, priority FROM ${table}`, [], { node: 'main' })).rows[0]
    return {
      merged: await row('plan_merged'),
      refusals: compared.filter(({ state }) => state === 'rejected').length,
      latest: await row('plan_latest'),
      logged,
      own: await row('plan_own'),
      recorded: [...new Set((await a.conflicts()).map(({ policy }) => policy))].sort(),
    }
  } finally {
    link.restore()
    for (const site of [a, b]) await site.stop()
  }
}

async function untilDrained(site: Site) {
  while (site.bufferStatistics().pending_transactions > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
}
