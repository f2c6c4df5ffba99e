import { OutpostError } from '../../errors/outpost-error.ts'
import type { Seq } from '../../transaction/transaction.ts'
import type { EpochRange } from '../journal.ts'
import type { Environment } from './environment.ts'

/** Raised when a stored form changes; an older program refuses a newer journal. */
const format = 1

/** The small durable facts of the journal itself. */
export interface JournalMeta {
  /** Seed of the text hashes in the blocks; never changes. */
  readonly seed: number
  readonly epochs: readonly EpochRange[]
  readonly firstSeq: Seq
}

/** Undefined when the folder holds no journal yet. */
export function readMeta(environment: Environment): JournalMeta | undefined {
  const stored = environment.meta.get('format')
  if (stored === undefined) return undefined
  if (stored !== format) {
    throw new OutpostError(
      'journal_corrupt',
      `The journal has format ${String(stored)}, this program knows ${format}`,
      {
        hint: 'Run the version of Outpost that wrote it, or a newer one.',
      },
    )
  }
  return {
    seed: environment.meta.get('seed') as number,
    epochs: environment.meta.get('epochs') as readonly EpochRange[],
    firstSeq: environment.meta.get('first_seq') as Seq,
  }
}

export function createMeta(environment: Environment, seed: number): JournalMeta {
  const meta: JournalMeta = { seed, epochs: [], firstSeq: 1 }
  environment.root.transactionSync(() => {
    environment.meta.putSync('format', format)
    environment.meta.putSync('seed', seed)
    environment.meta.putSync('epochs', meta.epochs)
    environment.meta.putSync('first_seq', meta.firstSeq)
  })
  return meta
}

export function putEpochs(environment: Environment, epochs: readonly EpochRange[]): Promise<boolean> {
  return environment.meta.put('epochs', epochs)
}

export function putFirstSeq(environment: Environment, firstSeq: Seq): Promise<boolean> {
  return environment.meta.put('first_seq', firstSeq)
}

const factPrefix = 'fact:'

export function readFacts(environment: Environment): Map<string, string> {
  const facts = new Map<string, string>()
  for (const { key, value } of environment.meta.getRange({
    start: factPrefix,
    end: `${factPrefix}\u{10ffff}`,
  })) {
    facts.set(key.slice(factPrefix.length), value as string)
  }
  return facts
}

export function putFact(environment: Environment, name: string, value: string): Promise<boolean> {
  return environment.meta.put(factPrefix + name, value)
}
