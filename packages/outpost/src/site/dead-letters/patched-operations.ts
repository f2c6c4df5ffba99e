import { applyPatch, type Operation as JsonPatchOperation } from 'rfc6902'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { TransactionBuilder } from '../../transaction/builder.ts'
import type { Operation } from '../../transaction/operation.ts'
import type { PatchOperation } from './dead-letters-api.ts'

const maximumSteps = 1_000
/** Where the operations lie in the document that is patched: below a root, so that a patch may replace the whole list. */
const root = '/operations'
const verbs: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test'])
/** Names that lead out of the document, into what all objects share. */
const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
/** Members of an operation beside `kind` and `table`. */
const rowsOf = { insert: ['row'], update: ['key', 'set'], delete: ['key'] } as const
/** Only of a change, and only where its client told it. */
const seenMember = 'seen'

type Row = Readonly<Record<string, unknown>>

/**
 * Applies a JSON Patch to the operations of a transaction and writes what comes of it into a builder, which checks it
 * as any fresh write. Nothing of the operations themselves is changed. Errors: `patch_invalid`, those of the builder.
 */
export function patchOperations(
  operations: readonly Operation[],
  patch: readonly PatchOperation[],
  builder: TransactionBuilder,
): void {
  const document: { operations: unknown } = { operations: structuredClone(operations) }
  const failures = applyPatch(document, checkedSteps(patch))
  const at = failures.findIndex((failure) => failure !== null)
  if (at >= 0) throw patchInvalid(`Step ${at} of the patch cannot be done: ${whyNot(failures[at]!)}`)
  if (!Array.isArray(document.operations)) throw patchInvalid('The patch leaves no list of operations.')
  for (const [index, operation] of document.operations.entries()) write(builder, operation, index)
}

function checkedSteps(patch: readonly PatchOperation[]): JsonPatchOperation[] {
  if (!Array.isArray(patch)) throw patchInvalid('A JSON Patch is a list of steps.')
  if (patch.length > maximumSteps) throw patchInvalid(`A patch has at most ${maximumSteps} steps.`)
  return patch.map((step, index) => {
    if (!isObject(step) || !verbs.has(step.op)) throw patchInvalid(`Step ${index} has no op of RFC 6902.`)
    const needsValue = step.op === 'add' || step.op === 'replace' || step.op === 'test'
    if (needsValue && !Object.hasOwn(step, 'value')) throw patchInvalid(`Step ${index} has no value.`)
    if (setsPrototype(step.value)) throw patchInvalid(`Step ${index} has a value with a member __proto__.`)
    return {
      op: step.op,
      path: pointer(step.path, index),
      ...(needsValue && { value: step.value }),
      ...((step.op === 'move' || step.op === 'copy') && { from: pointer(step.from, index) }),
    } as JsonPatchOperation
  })
}

/** A place that is not there is named as the step names it, without the root of our own. */
function whyNot(failure: Error): string {
  const path = failure.name === 'MissingError' && 'path' in failure ? String(failure.path) : undefined
  return path === undefined ? failure.message : `there is no ${path.slice(root.length)}`
}

/** Such a member would become the prototype of the copy that the patch makes. */
function setsPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(setsPrototype)
}

function pointer(path: unknown, index: number): string {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw patchInvalid(`Step ${index} names no place: a JSON pointer such as /0/row/name.`)
  const names = path.split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (names.some((name) => forbidden.has(name))) throw patchInvalid(`Step ${index} names a forbidden place.`)
  return `${root}${path}`
}

function write(builder: TransactionBuilder, operation: unknown, index: number): void {
  if (!isObject(operation)) throw patchInvalid(`Operation ${index} is no object after the patch.`)
  const { kind, table } = operation
  if (kind !== 'insert' && kind !== 'update' && kind !== 'delete')
    throw patchInvalid(`Operation ${index} is neither insert, update nor delete after the patch.`)
  if (typeof table !== 'string') throw patchInvalid(`Operation ${index} names no table after the patch.`)
  const wanted: readonly string[] = rowsOf[kind]
  const stranger = Object.keys(operation).find(
    (name) => !['kind', 'table', ...wanted, ...(kind === 'insert' ? [] : [seenMember])].includes(name),
  )
  if (stranger !== undefined)
    throw patchInvalid(
      `Operation ${index}, an ${kind}, has no place for ${JSON.stringify(stranger.slice(0, 64))}.`,
    )
  const [first = {}, second = {}] = wanted.map((name) => rowOf(operation, name, index))
  const options = Object.hasOwn(operation, seenMember) ? { seen: rowOf(operation, seenMember, index) } : {}
  switch (kind) {
    case 'insert':
      builder.insert(table, first)
      break
    case 'update':
      builder.update(table, first, second, options)
      break
    case 'delete':
      builder.delete(table, first, options)
      break
  }
}

function rowOf(operation: Row, name: string, index: number): Row {
  const row = Object.hasOwn(operation, name) ? operation[name] : undefined
  if (!isObject(row)) throw patchInvalid(`Operation ${index} has no ${name} after the patch.`)
  return row
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function patchInvalid(message: string): OutpostError {
  return new OutpostError('patch_invalid', message)
}
