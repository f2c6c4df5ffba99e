import type { Link } from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import type { Violation } from './checker.ts'
import { inStates, untilReplicated } from './drained.ts'
import { LiveReaders, type ReadFaults } from './live-readers.ts'
import { LiveWriter } from './live-writer.ts'
import { startStage } from './stage.ts'

export interface HandOverOptions {
  readonly durationMs: number
  /** The site is stopped and opened again this many times in between. */
  readonly restarts: number
  readonly onProgress?: (text: string) => void
}

export interface HandOverResult {
  readonly faults: ReadFaults
  readonly violations: readonly Violation[]
  readonly recorded: number
  readonly reads: number
  readonly servedByReplica: number
  readonly flaps: number
}

/** A writer every few milliseconds and four readers, while the link goes up and down and the site restarts. */
export async function runHandOver(pg: PostgresUnderTest, options: HandOverOptions): Promise<HandOverResult> {
  const stage = await startStage(pg)
  try {
    const writer = new LiveWriter({ streams: ['a', 'b'], everyMs: 3 })
    const readers = new LiveReaders(writer)
    let site = await stage.live.open()
    const flapping = new Flapping(stage.link)
    for (let part = 0; part <= options.restarts; part += 1) {
      if (part > 0) site = await stage.live.restart()
      writer.start(site)
      readers.start(site, 4)
      await flapping.during(options.durationMs / (options.restarts + 1))
      // Readers first: they must not meet a stopped site.
      await readers.stop()
      await writer.stop()
      options.onProgress?.(`${readers.reads} reads, ${inStates(site, ['replicated'])} replicated`)
    }
    await untilReplicated(site, 60_000)
    return {
      faults: readers.faults,
      violations: await stage.ground.violations(writer.account),
      recorded: writer.account.acknowledged.length,
      reads: readers.reads,
      servedByReplica: readers.servedBy.get('replica') ?? 0,
      flaps: flapping.count,
    }
  } finally {
    await stage.stop()
  }
}

/** Takes the link down and up again: long enough for a backlog, short enough for many hand-overs. */
class Flapping {
  readonly #link: Link
  count = 0

  constructor(link: Link) {
    this.#link = link
  }

  async during(ms: number): Promise<void> {
    const endMs = performance.now() + ms
    while (performance.now() < endMs) {
      await wait(700)
      if (this.count % 2 === 0) this.#link.cut()
      else this.#link.halfOpen()
      await wait(400)
      this.#link.restore()
      this.count += 1
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
