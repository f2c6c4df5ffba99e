import { createHash } from 'node:crypto'
import type { Site } from 'outpost/site'

type Builder = ReturnType<Site['transaction']>

/** One operation as the checker replays it; values as PostgreSQL's text. */
type Write =
  | { readonly kind: 'insert'; readonly table: string; readonly key: string; readonly row: Row }
  | { readonly kind: 'update'; readonly table: string; readonly key: string; readonly set: Row }
  | { readonly kind: 'delete'; readonly table: string; readonly key: string }

export type Row = Readonly<Record<string, string>>

/** What one transaction of a stream is meant to do. */
export interface Intent {
  readonly stream: string
  /** Number within the stream, from 0: each is recorded after the one before was acknowledged. */
  readonly n: number
  readonly writes: readonly Write[]
}

/**
 * Transaction `n` of a stream: a pure function, so that a restarted program knows what it had wanted.
 *
 * A stream opens one unit and one counter; then it steps them, adds files and removes some again. Every transaction
 * leaves one row in `audit`, so that none can vanish or run twice unseen.
 */
export function intentOf(stream: string, n: number): Intent {
  const unit = uuidOf(stream, 'unit')
  const counter = uuidOf(stream, 'counter')
  const audit: Write = {
    kind: 'insert',
    table: 'audit',
    key: `${stream} ${n}`,
    row: { stream, n: String(n), note: `${stream} did ${n}` },
  }
  if (n === 0) {
    const opened = { id: unit, name: `unit of ${stream}`, step: '0', status: 'open' }
    return intent(stream, n, [
      audit,
      { kind: 'insert', table: 'unit', key: unit, row: opened },
      { kind: 'insert', table: 'counter', key: counter, row: { id: counter, step: '0' } },
    ])
  }
  switch (n % 4) {
    case 1:
      return intent(stream, n, [audit, insertFile(stream, n, 0), insertFile(stream, n, 1)])
    case 2:
      return intent(stream, n, [
        audit,
        { kind: 'update', table: 'counter', key: counter, set: { step: String(n) } },
      ])
    case 3:
      return intent(stream, n, [
        audit,
        { kind: 'update', table: 'unit', key: unit, set: { step: String(n) } },
        insertFile(stream, n, 0),
      ])
    default:
      return intent(stream, n, [audit, { kind: 'delete', table: 'file', key: fileId(stream, n - 3, 1) }])
  }
}

/** Puts the steps of an intent into a builder. */
export function fill(builder: Builder, { writes }: Intent): Builder {
  for (const write of writes) {
    switch (write.kind) {
      case 'insert':
        builder.insert(write.table, write.row)
        break
      case 'update':
        builder.update(write.table, { id: write.key }, write.set)
        break
      case 'delete':
        builder.delete(write.table, { id: write.key })
        break
    }
  }
  return builder
}

/** A version 4 UUID made from words: the same words give the same id. */
export function uuidOf(...words: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(words.join(' ')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function fileId(stream: string, n: number, at: number): string {
  return uuidOf(stream, 'file', n, at)
}

function insertFile(stream: string, n: number, at: number): Write {
  const id = fileId(stream, n, at)
  const row = {
    id,
    unit_id: uuidOf(stream, 'unit'),
    name: `${stream}-${n}-${at}.fits`,
    size_bytes: String(n * 2048),
  }
  return { kind: 'insert', table: 'file', key: id, row }
}

function intent(stream: string, n: number, writes: readonly Write[]): Intent {
  return { stream, n, writes }
}
