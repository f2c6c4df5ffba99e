import { OutpostError } from '../../errors/outpost-error.ts'
import { isPending } from '../../transaction/state.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'
import type { StatusChange } from '../journal.ts'
import { StatusStore } from '../status-store.ts'
import type { BlockView } from './block.ts'
import type { Environment } from './environment.ts'
import type { JournalMeta } from './journal-meta.ts'
import { RecordStore } from './record-store.ts'

/** Records handed to `onRecovered` at once. */
const recoveredChunk = 1000

type OnRecovered = (records: readonly TransactionRecord[]) => void

export interface Recovered {
  readonly records: RecordStore
  readonly statuses: StatusStore
}

/**
 * One pass over the stored blocks: checks each, rebuilds the indexes, and decodes what is still pending for
 * `onRecovered`, so that nobody reads the journal a second time at start. Changes nothing on disk.
 */
export function recover(
  environment: Environment,
  meta: JournalMeta,
  path: string,
  onRecovered?: OnRecovered,
): Recovered {
  const records = new RecordStore(environment.blocks, meta.seed)
  records.epochs = meta.epochs
  records.firstSeq = meta.firstSeq
  records.lastSeq = meta.firstSeq - 1
  const last = newestSeq(environment, records, path)
  const statuses = new StatusStore(chunkSource(environment), meta.firstSeq, Math.max(last, meta.firstSeq - 1))
  let chunk: TransactionRecord[] = []
  for (const [first, view] of wholeBlocks(records, path)) {
    records.noteBlock(first, view.count, view.bytes, (index) => view.row(index))
    if (onRecovered === undefined) continue
    for (let seq = Math.max(first, meta.firstSeq); seq <= records.lastSeq; seq += 1) {
      if (isPending(statuses.state(seq))) chunk.push(records.decode(view, first, seq))
    }
    if (chunk.length >= recoveredChunk) {
      onRecovered(chunk)
      chunk = []
    }
  }
  if (chunk.length > 0) onRecovered?.(chunk)
  return { records, statuses }
}

/** Every stored block, checked: whole, and following the one before without a gap. */
function* wholeBlocks(records: RecordStore, path: string): Generator<readonly [Seq, BlockView]> {
  let expected: Seq | undefined
  for (const first of records.storedBlocks(0)) {
    if (
      typeof first !== 'number' ||
      (expected !== undefined ? first !== expected : first > records.firstSeq)
    ) {
      throw corrupt(
        path,
        `the record after ${(expected ?? records.firstSeq) - 1} is missing: the next one is ${first}`,
      )
    }
    const view = records.view(first)
    const fault = view?.fault() ?? (view === undefined ? 'it is missing' : undefined)
    if (fault !== undefined)
      throw corrupt(path, `the block that starts with record ${first} is damaged: ${fault}`)
    yield [first, view!]
    expected = first + view!.count
  }
}

function newestSeq(environment: Environment, records: RecordStore, path: string): Seq {
  for (const first of environment.blocks.getKeys({ reverse: true, limit: 1 })) {
    const view = records.view(first)
    const fault = view?.fault()
    if (view === undefined || fault !== undefined)
      throw corrupt(path, `the newest block is damaged: ${fault}`)
    return first + view.count - 1
  }
  return 0
}

function chunkSource(environment: Environment) {
  return {
    read: (chunk: number) => environment.statuses.get(chunk),
    *all(): Generator<readonly [number, readonly StatusChange[]]> {
      for (const { key, value } of environment.statuses.getRange({})) yield [key, value]
    },
  }
}

function corrupt(path: string, reason: string): OutpostError {
  return new OutpostError('journal_corrupt', `The journal in ${path}: ${reason}`)
}
