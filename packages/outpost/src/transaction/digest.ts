import { createHash } from 'node:crypto'
import type { Operation, TextRow } from './operation.ts'

/** The operations in one spelling, whatever order their columns were named in: what two equal requests share. */
export function canonicalOperations(operations: readonly Operation[]): string {
  return `[${operations.map(canonicalOperation).join(',')}]`
}

function canonicalOperation(operation: Operation): string {
  const table = JSON.stringify(operation.table)
  switch (operation.kind) {
    case 'insert':
      return `["i",${table},${canonicalRow(operation.row)}]`
    case 'update':
      return `["u",${table},${canonicalRow(operation.key)},${canonicalRow(operation.set)}]`
    case 'delete':
      return `["d",${table},${canonicalRow(operation.key)}]`
  }
}

function canonicalRow(row: TextRow): string {
  const names = Object.keys(row).sort()
  let text = '{'
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    text += `${i === 0 ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(row[name])}`
  }
  return `${text}}`
}

/** SHA-256 (hex) of a canonical text. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** SHA-256 (hex) over the canonical form of the operations: the ledger stores it beside the outcome (N1). */
export function operationsDigest(operations: readonly Operation[]): string {
  return sha256Hex(canonicalOperations(operations))
}
