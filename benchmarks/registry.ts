import { type Benchmark, sizeFor } from './benchmark.ts'
import { coneLookUp } from './cone-look-up.ts'
import { demoStart } from './demo-start.ts'
import { drainDelayed } from './drain-delayed.ts'
import { drainLocal } from './drain-local.ts'
import { run as durableAppend } from './durable-append.ts'
import { httpAck } from './http-ack.ts'
import { run as mergedRead } from './merged-read.ts'
import { parallelLanes } from './parallel-lanes.ts'
import { pendingMillion } from './pending-million.ts'
import { preflightShare } from './preflight-share.ts'
import { roundTrips } from './round-trips.ts'

const appendSizes = {
  full: { seconds: 6, rounds: 3 },
  quick: { seconds: 1.5, rounds: 3 },
  smoke: { seconds: 0.05, rounds: 1 },
}
const readSizes = {
  full: { rows: 2_000_000, backlogs: [0, 100, 1_000, 10_000, 100_000], repetitions: 200 },
  quick: { rows: 500_000, backlogs: [0, 1_000, 10_000], repetitions: 60 },
  smoke: { rows: 2_000, backlogs: [0, 100], repetitions: 20 },
}

/** Every benchmark, in the order in which a write, then a read, passes through the product. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'durable-append',
    about: 'appends to the journal with 1, 32 and 128 writers',
    run: ({ scale }) => durableAppend(sizeFor(scale, appendSizes)),
  },
  { name: 'preflight-share', about: "pre-flight's share of an acknowledgement", run: preflightShare },
  { name: 'http-ack', about: 'acknowledgement over HTTP at 1,000 requests/s', run: httpAck },
  { name: 'drain-delayed', about: 'drain of 20,000 transactions at 250 ms round trip', run: drainDelayed },
  { name: 'round-trips', about: 'from acknowledged to applied and replicated at 250 ms', run: roundTrips },
  { name: 'drain-local', about: 'drain without delay against multi-row INSERT', run: drainLocal },
  { name: 'parallel-lanes', about: 'drain with several batches under way against one', run: parallelLanes },
  {
    name: 'merged-read',
    about: 'merged reads against plain ones at every backlog',
    run: ({ scale, onProgress }) => mergedRead({ ...sizeFor(scale, readSizes), onProgress }),
  },
  { name: 'pending-million', about: 'memory and restart with 1,000,000 pending', run: pendingMillion },
  { name: 'cone-look-up', about: 'who waits for a transaction, with 100,000 pending', run: coneLookUp },
  { name: 'demo-start', about: 'npm start until ready', run: demoStart },
]
