import { isOutpostError, openSite, type Site } from 'outpost/site'
import type { Place } from './place.ts'

const next: Readonly<Record<string, readonly string[]>> = {
  running: ['paused', 'completed', 'aborted'],
  paused: ['running', 'aborted'],
}

/** A state machine, checked in the critical section of the row: of two who finish at once, one wins. */
export async function run({ siteOptions }: Place) {
  const site = await openSite(siteOptions('check-before-append'))
  try {
    const write = site.transaction()
    const observation = write.insert('observation', { target: 'Deneb' })
    await site.append(write)

    const id = String(observation.get('id'))
    const both = await Promise.allSettled([change(site, id, 'completed'), change(site, id, 'aborted')])
    const row = await site.readRow('observation', { id })
    return {
      outcomes: both.map(({ status }) => status).sort(),
      isEnded: row?.row.status === 'completed' || row?.row.status === 'aborted',
    }
  } finally {
    await site.stop()
  }
}

async function change(site: Site, id: string, to: string) {
  const write = site.transaction()
  write.update('observation', { id }, { status: to })
  return await site.append(write, {
    // Nobody else appends to this row meanwhile. Throwing refuses the write: nothing is stored.
    check: async () => {
      const found = await look(site, id)
      if (found === undefined) return 'shape_only' // the replica did not answer in time: accepted and flagged
      const from = found.row.status ?? ''
      if (!next[from]?.includes(to)) throw new Error(`The observation is ${from} and cannot become ${to}.`)
      return 'checked'
    },
  })
}

async function look(site: Site, id: string) {
  try {
    return await site.readRow('observation', { id }, { node: 'replica', timeoutMs: 50 })
  } catch (error) {
    if (isOutpostError(error)) return undefined
    throw error
  }
}
