import { type Benchmark, sizeFor } from './benchmark.ts'
import { demoStart } from './demo-start.ts'
import { drainDelayed } from './drain-delayed.ts'
import { drainLocal } from './drain-local.ts'
import { run as durableAppend } from './durable-append.ts'
import { httpAck } from './http-ack.ts'
import { pendingMillion } from './pending-million.ts'
import { roundTrips } from './round-trips.ts'

const appendSeconds = { full: 6, quick: 1.5, smoke: 0.15 }

/** Every benchmark, in the order in which a write, then a read, passes through the product. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'durable-append',
    about: 'appends to the journal with 1, 32 and 128 writers',
    run: ({ scale }) => durableAppend({ seconds: sizeFor(scale, appendSeconds) }),
  },
  { name: 'http-ack', about: 'acknowledgement over HTTP at 1,000 requests/s', run: httpAck },
  { name: 'drain-delayed', about: 'drain of 20,000 transactions at 250 ms round trip', run: drainDelayed },
  { name: 'round-trips', about: 'from acknowledged to applied and replicated at 250 ms', run: roundTrips },
  { name: 'drain-local', about: 'drain without delay against multi-row INSERT', run: drainLocal },
  { name: 'pending-million', about: 'memory and restart with 1,000,000 pending', run: pendingMillion },
  { name: 'demo-start', about: 'npm start until ready', run: demoStart },
]
