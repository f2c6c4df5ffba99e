import { createHash } from 'node:crypto'
import type { Operation, TextRow, TextValue } from './operation.ts'

/**
 * The operations in one spelling, whatever order their columns were named in: what two equal requests share. Rows are
 * flat lists of names and values in the order of the names, so that one call of JSON.stringify writes everything.
 */
export function canonicalOperations(operations: readonly Operation[]): string {
  return JSON.stringify(operations.map(canonicalOperation))
}

type Canonical = readonly (string | readonly TextValue[])[]

function canonicalOperation(operation: Operation): Canonical {
  switch (operation.kind) {
    case 'insert':
      return ['i', operation.table, sortedPairs(operation.row)]
    case 'update':
      return [
        'u',
        operation.table,
        sortedPairs(operation.key),
        sortedPairs(operation.set),
        ...seenPairs(operation),
      ]
    case 'delete':
      return ['d', operation.table, sortedPairs(operation.key), ...seenPairs(operation)]
  }
}

function seenPairs({ seen }: { readonly seen?: TextRow }): Canonical {
  return seen === undefined ? [] : [sortedPairs(seen)]
}

function sortedPairs(row: TextRow): readonly TextValue[] {
  const pairs: TextValue[] = []
  for (const name of Object.keys(row).sort()) pairs.push(name, row[name] ?? null)
  return pairs
}

/** SHA-256 (hex) of a canonical text. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** SHA-256 (hex) over the canonical form of the operations: the ledger stores it beside the outcome (N1). */
export function operationsDigest(operations: readonly Operation[]): string {
  return sha256Hex(canonicalOperations(operations))
}
