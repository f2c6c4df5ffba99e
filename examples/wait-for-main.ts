import { isOutpostError, openSite } from 'outpost/site'
import type { Place } from './place.ts'

/** Waits until main has a write, and until the replica shows it; a wait that runs out says so and loses nothing. */
export async function run({ siteOptions, link }: Place) {
  const site = await openSite(siteOptions('wait-for-main'))
  try {
    const write = site.transaction()
    write.insert('observation', { target: 'Vega' })
    const receipt = await site.append(write)

    const applied = await receipt.applied({ timeoutMs: 10_000 }) // committed on main, exactly once
    const replicated = await receipt.replicated({ timeoutMs: 10_000 }) // its ledger row was read on the replica

    link.cut()
    const later = site.transaction()
    later.insert('observation', { target: 'Altair' })
    const waiting = await site.append(later)
    const whileCut = await waiting.applied({ timeoutMs: 200 }).then(
      () => 'applied',
      (error: unknown) => (isOutpostError(error, 'wait_timeout') ? error.code : Promise.reject(error)),
    )
    const stateWhileCut = waiting.state
    link.restore()
    await waiting.applied({ timeoutMs: 20_000 })

    // Where a write is can be asked at any time, also by somebody who only has its id.
    const view = await site.transactionById(receipt.transactionId)
    return {
      reached: [applied.state, replicated.state],
      whileCut,
      stateWhileCut,
      wrote: view?.record.operations.map(({ kind, table }) => `${kind} ${table}`),
    }
  } finally {
    link.restore()
    await site.stop()
  }
}
