import { printNow, waitFor } from '@outpost/lab'
import { openSiteWith, type Site } from 'outpost/site'

import { answersEarly } from './broken-builds.ts'
import { killSeams } from './kill-points.ts'
import type { RecorderLine, RecorderOrder } from './recorder-protocol.ts'
import { fill, intentOf } from './workload.ts'

// A site's program under test: records streams of transactions as fast as it can and says what was acknowledged.

const order = JSON.parse(process.argv[2] ?? '{}') as RecorderOrder

/** Written without a buffer: what was printed is out before the next instruction can be a kill. */
function print(line: RecorderLine): void {
  printNow(JSON.stringify(line))
}

async function recordStream(site: Site, name: string, from: number): Promise<void> {
  for (let n = from; n < from + order.perStream; n += 1) {
    print({ kind: 'begun', stream: name, n })
    const startedMs = performance.now()
    const receipt = await site.append(fill(site.transaction(), intentOf(name, n)), {
      idempotency: { scope: 'recorder', key: `${name} ${n}`, requestDigest: `${name} ${n}` },
      answer: () => ({ status: 201, body: null }),
    })
    print({
      kind: 'acknowledged',
      stream: name,
      n,
      id: receipt.transactionId,
      seq: receipt.seq,
      isReplayed: receipt.isReplayed,
      tookMs: performance.now() - startedMs,
    })
  }
}

async function untilDrained(site: Site): Promise<void> {
  await waitFor(
    () => {
      const { states } = site.bufferStatistics()
      return states.buffered + states.applied === 0
    },
    { what: 'the drain', deadlineMs: 60_000 },
  )
}

const seams = killSeams(order.kill)
const site = await openSiteWith(order.site, {
  ...seams,
  journal: (journal) => seams.journal(order.answersEarly ? answersEarly(journal) : journal),
})
site.onEvent((event) => {
  if (event.kind === 'alarm') print({ kind: 'alarm', code: event.code, message: event.message })
})
print({ kind: 'ready', epoch: (await site.health()).site.epoch })
await Promise.all(order.streams.map(({ name, from }) => recordStream(site, name, from)))
print({ kind: 'recorded' })
await waitFor(() => site.bufferStatistics().states.buffered === 0, { what: 'quiet', deadlineMs: 60_000 })
print({ kind: 'quiet' })
await untilDrained(site)
print({ kind: 'drained' })
await new Promise((resolve) => process.stdin.once('end', resolve).resume())
await site.stop()
