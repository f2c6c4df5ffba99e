import type { Row } from './row.ts'

/**
 * How much is measured: `full` for figures to publish, `quick` for a first impression, `smoke` to see that a
 * benchmark still runs (its figures mean nothing).
 */
export type Scale = 'full' | 'quick' | 'smoke'

export interface BenchmarkOptions {
  readonly scale: Scale
  /** Told what is being done, in words. */
  readonly onProgress: (text: string) => void
}

export interface Benchmark {
  readonly name: string
  /** What it shows, in one line. */
  readonly about: string
  run(options: BenchmarkOptions): Promise<readonly Row[]>
}

/** The entry of a table of sizes that belongs to this scale. */
export function sizeFor<Size>(scale: Scale, sizes: Readonly<Record<Scale, Size>>): Size {
  return sizes[scale]
}
