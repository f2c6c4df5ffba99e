import { openSite, type SiteEvent } from 'outpost/site'
import type { Place } from './place.ts'

/** Follows a site: every step of every transaction, the link, the replica, and alarms that need a person. */
export async function run({ siteOptions }: Place) {
  const site = await openSite(siteOptions('events'))
  const steps: string[] = []
  const untilReplicated = new Promise<void>((resolve) => {
    site.onEvent((event) => {
      if (event.kind === 'transaction') steps.push(describe(event))
      if (event.kind === 'transaction' && event.state === 'replicated') resolve()
    })
  })
  try {
    const write = site.transaction()
    write.insert('observation', { target: 'Rigel' })
    await site.append(write)
    await untilReplicated
    return { steps }
  } finally {
    await site.stop()
  }
}

function describe(event: SiteEvent): string {
  switch (event.kind) {
    case 'transaction':
      return `transaction ${event.seq} is ${event.state}`
    case 'link':
      return `main is ${event.main}${event.reason === undefined ? '' : ` (${event.reason})`}`
    case 'replica':
      return `the replica is ${event.replica}`
    case 'lineage':
      return `main changed; ${event.redriven} transactions are applied again`
    case 'alarm':
      return `${event.code}: ${event.message} ${event.hint}`
  }
}
