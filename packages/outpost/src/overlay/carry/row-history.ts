import type { Operation, TextRow } from '../../transaction/operation.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'
import { canonicalKeyText, type TableShape } from '../encode/table-shape.ts'
import { type Folded, foldGroup } from '../fold.ts'
import type { ChainLink } from '../index/chain-store.ts'

/** The pending operations of a row and of those joined to it by changed keys, oldest first. */
export interface RowHistory {
  readonly operations: readonly (Operation & { readonly seq: Seq })[]
}

/** Reads the operations behind these links, each once. A transaction that is gone from the journal is left out. */
export function historyOf(
  links: readonly ChainLink[],
  records: ReadonlyMap<Seq, TransactionRecord>,
): RowHistory {
  const ordered = [...links].sort((a, b) => a.place - b.place || a.seq - b.seq || a.operation - b.operation)
  const operations: (Operation & { readonly seq: Seq })[] = []
  let last: ChainLink | undefined
  for (const link of ordered) {
    if (last?.seq === link.seq && last.operation === link.operation) continue
    last = link
    const operation = records.get(link.seq)?.operations[link.operation]
    if (operation) operations.push({ ...operation, seq: link.seq })
  }
  return { operations }
}

/** A row's key as one text, equal for equal keys. */
function keyTextOf(shape: TableShape): (row: TextRow) => string {
  return (row) =>
    JSON.stringify(
      shape.keys.map((key) => {
        const text = row[key.column.name]
        return text === undefined || text === null ? null : canonicalKeyText(key, text)
      }),
    )
}

export interface FoldedWithGuard {
  readonly folded: Folded
  /**
   * N20: the row was created by an insert that main refused or that waits for one. `later` are the changes after
   * it, which are shown on main's row should it have one.
   */
  readonly guard: { readonly later: TextRow | undefined } | undefined
}

/** Folds the row with this key. `isHeld` says which transactions main refused or holds back. */
export function foldRow(
  history: RowHistory,
  shape: TableShape,
  key: TextRow,
  isHeld: (seq: Seq) => boolean,
): FoldedWithGuard | undefined {
  const keyText = keyTextOf(shape)
  const wanted = keyText(key)
  const folded = foldGroup(history.operations, keyText, shape.table.primaryKey).get(wanted)
  if (!folded) return undefined
  return { folded, guard: folded.kind === 'insert' ? guardOf(history, keyText, wanted, isHeld) : undefined }
}

/** Only where the row's first pending operation is the insert: a delete before it shadows main's row anyway. */
function guardOf(
  history: RowHistory,
  keyText: (row: TextRow) => string,
  wanted: string,
  isHeld: (seq: Seq) => boolean,
): FoldedWithGuard['guard'] {
  const own = history.operations.filter(
    (operation) => keyText(operation.kind === 'insert' ? operation.row : operation.key) === wanted,
  )
  const first = own[0]
  if (first?.kind !== 'insert' || !isHeld(first.seq)) return undefined
  const sets = own.slice(1).flatMap((operation) => (operation.kind === 'update' ? [operation.set] : []))
  return { later: sets.length > 0 ? Object.assign({}, ...sets) : undefined }
}
