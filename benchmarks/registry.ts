import type { Benchmark } from './benchmark.ts'
import { drainDelayed } from './drain-delayed.ts'
import { drainLocal } from './drain-local.ts'
import { httpAck } from './http-ack.ts'

/** Every benchmark, in the order in which a write, then a read, passes through the product. */
export const benchmarks: readonly Benchmark[] = [
  { name: 'http-ack', about: 'acknowledgement over HTTP at 1,000 requests/s', run: httpAck },
  { name: 'drain-delayed', about: 'drain of 20,000 transactions at 250 ms round trip', run: drainDelayed },
  { name: 'drain-local', about: 'drain without delay against multi-row INSERT', run: drainLocal },
]
