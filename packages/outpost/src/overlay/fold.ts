import type { Operation, TextRow } from '../transaction/operation.ts'

/** What the pending operations make of one row. */
export type Folded =
  /** The row exists whatever main's copy says; `image` is complete. `guard`: see N20. */
  | { readonly kind: 'insert'; readonly image: TextRow }
  /**
   * Main's row with some columns changed. Where the key was changed `set` holds the new one, and `lookIn` the keys
   * under which main's row may lie, the likeliest first: how far along the changes a replica is, is not known.
   */
  | { readonly kind: 'patch'; readonly set: TextRow; readonly lookIn?: readonly TextRow[] }
  | { readonly kind: 'delete' }

/** Writes a row's key as one text, the same for equal keys. */
export type KeyText = (row: TextRow) => string

/**
 * Folds the operations of a group of rows, oldest first, into what each row has become. Rows belong to one group
 * when an update turned one key into the other; nearly always the group is one row.
 *
 * An insert over a row that exists, and an update or delete of one that was deleted, cannot succeed on main; they
 * change nothing here either.
 */
export function foldGroup(
  operations: readonly Operation[],
  keyText: KeyText,
  keyColumns: readonly string[],
): ReadonlyMap<string, Folded> {
  const rows = new Map<string, Folded>()
  for (const operation of operations) {
    switch (operation.kind) {
      case 'insert':
        insert(rows, keyText(operation.row), operation.row)
        break
      case 'delete':
        rows.set(keyText(operation.key), { kind: 'delete' })
        break
      case 'update':
        update(rows, operation, keyText, keyColumns)
        break
    }
  }
  return rows
}

function insert(rows: Map<string, Folded>, key: string, image: TextRow): void {
  const before = rows.get(key)
  if (before === undefined || before.kind === 'delete') rows.set(key, { kind: 'insert', image })
}

function update(
  rows: Map<string, Folded>,
  operation: Extract<Operation, { kind: 'update' }>,
  keyText: KeyText,
  keyColumns: readonly string[],
): void {
  const oldKey = keyText(operation.key)
  const before = rows.get(oldKey)
  if (before?.kind === 'delete') return
  const newKeyRow = newKey(operation, keyColumns)
  const after = patched(before, operation.set)
  if (keyText(newKeyRow) === oldKey) {
    rows.set(oldKey, after)
    return
  }
  move(rows, operation.key, newKeyRow, after, keyText)
}

/** The key after the update, complete. */
export function newKey(
  operation: Extract<Operation, { kind: 'update' }>,
  keyColumns: readonly string[],
): TextRow {
  return Object.fromEntries(
    keyColumns.map((name) => [name, operation.set[name] ?? operation.key[name] ?? null]),
  )
}

function patched(before: Folded | undefined, set: TextRow): Folded {
  if (before?.kind === 'insert') return { kind: 'insert', image: { ...before.image, ...set } }
  if (before?.kind === 'patch') return { ...before, set: { ...before.set, ...set } }
  return { kind: 'patch', set }
}

function move(
  rows: Map<string, Folded>,
  oldKey: TextRow,
  newKeyRow: TextRow,
  after: Folded,
  keyText: KeyText,
): void {
  const target = keyText(newKeyRow)
  const displaced = rows.get(target)
  rows.set(keyText(oldKey), { kind: 'delete' })
  if (after.kind !== 'patch') {
    rows.set(target, after)
    return
  }
  const before = after.lookIn ?? [oldKey]
  // A key that a pending change had to free first belongs to another row on a replica that lacks that change.
  const lookIn = displaced?.kind === 'delete' ? [...before, newKeyRow] : [newKeyRow, ...before]
  rows.set(target, { kind: 'patch', set: { ...after.set, ...newKeyRow }, lookIn })
}
