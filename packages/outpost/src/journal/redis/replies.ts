import type { Epoch, Seq } from '../../transaction/transaction.ts'
import type { EpochRange, StatusChange } from '../journal.ts'

/** What the scripts answer: numbers, texts and lists of them. */
export type Reply = string | number | null | readonly Reply[]

/** A record as it is stored. */
export interface StoredRecord {
  readonly seq: Seq
  readonly bufferedAtMs: number
  /** The draft as JSON. */
  readonly body: string
}

/** What a process lacks: see the script `catchUp`. */
export interface News {
  readonly firstSeq: Seq
  readonly lastSeq: Seq
  readonly bytes: number
  /** Of epochs and facts. */
  readonly version: number
  /** False when there is more than one answer holds. */
  readonly isWhole: boolean
  /** The changes that are lacked are kept no more, or were lost: statuses must be loaded anew. */
  readonly mustReload: boolean
  readonly records: readonly StoredRecord[]
  readonly changes: readonly {
    readonly number: number
    readonly changes: StatusChange[]
    readonly by: string
    /** Of the change, there. */
    readonly serial: string
  }[]
  readonly known:
    | { readonly epochs: readonly EpochRange[]; readonly facts: ReadonlyMap<string, string> }
    | undefined
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : []
}

/** Texts of a flat list of name and value. */
export function pairsOf(reply: Reply | undefined): readonly (readonly [string, string])[] {
  const list = listOf(reply)
  return Array.from({ length: list.length / 2 }, (_, index) => [
    String(list[2 * index]),
    String(list[2 * index + 1]),
  ])
}

export function parseNews(reply: Reply | undefined): News {
  const [first, last, bytes, version, isWhole, isReloaded, records, changes, known] = listOf(reply)
  const [epochs, facts] = listOf(known)
  return {
    firstSeq: Number(first),
    lastSeq: Number(last),
    bytes: Number(bytes),
    version: Number(version),
    isWhole: isWhole === 1,
    mustReload: isReloaded === 1,
    records: listOf(records).map((record) => {
      const [seq, at, body] = listOf(record)
      return { seq: Number(seq), bufferedAtMs: Number(at), body: String(body) }
    }),
    changes: listOf(changes).map((change) => {
      const [number, json, by, serial] = listOf(change)
      const changes = JSON.parse(String(json)) as StatusChange[]
      return { number: Number(number), changes, by: String(by), serial: String(serial) }
    }),
    known:
      typeof epochs === 'string'
        ? { epochs: JSON.parse(epochs) as { epoch: Epoch; from: Seq }[], facts: new Map(pairsOf(facts)) }
        : undefined,
  }
}

/** A record of the stream as XRANGE gives it. */
export function parseEntry(reply: Reply): StoredRecord & { readonly digest: string } {
  const [id, fields] = listOf(reply)
  const [, at, , body, , , , digest] = listOf(fields)
  return {
    seq: Number.parseInt(String(id), 10),
    bufferedAtMs: Number(at),
    body: String(body),
    digest: String(digest),
  }
}
