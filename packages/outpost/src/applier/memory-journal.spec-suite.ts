import { randomUUID } from 'node:crypto'
import type { Journal, JournalStatistics, StatusChange, TransactionStatus } from '../journal/journal.ts'
import { canChange, type TransactionState, transactionStates } from '../transaction/state.ts'
import type { Epoch, Seq, TransactionDraft, TransactionRecord } from '../transaction/transaction.ts'

/** What survives a crash of the simulated process: records and facts, but only the statuses that were synced. */
export interface MemoryDisk {
  records: TransactionRecord[]
  statuses: Map<Seq, TransactionStatus>
  facts: Map<string, string>
  epochs: { epoch: Epoch; from: Seq }[]
}

export function emptyDisk(): MemoryDisk {
  return { records: [], statuses: new Map(), facts: new Map(), epochs: [] }
}

/** The disk as an old copy would hold it. */
export function copyDisk(disk: MemoryDisk): MemoryDisk {
  return {
    records: [...disk.records],
    statuses: new Map(disk.statuses),
    facts: new Map(disk.facts),
    epochs: disk.epochs.map((range) => ({ ...range })),
  }
}

export interface MemoryJournalOptions {
  readonly disk?: MemoryDisk
  readonly nowMs?: () => number
  readonly newEpoch?: () => Epoch
}

/** A journal in memory for the simulation of the applier's protocol; opening it begins a new epoch, as LMDB does. */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  const disk = options.disk ?? emptyDisk()
  const nowMs = options.nowMs ?? (() => 0)
  const newEpoch = options.newEpoch ?? randomUUID
  const states = new Map<TransactionState, Set<Seq>>(transactionStates.map((state) => [state, new Set()]))
  const listeners = new Set<(records: readonly TransactionRecord[]) => void>()
  const statusOf = (seq: Seq): TransactionStatus => disk.statuses.get(seq) ?? { state: 'buffered' }
  for (const { seq } of disk.records) states.get(statusOf(seq).state)!.add(seq)
  const open = (): Epoch => {
    const epoch = newEpoch()
    disk.epochs.push({ epoch, from: disk.records.length + 1 })
    return epoch
  }
  let epoch = open()
  const change = (seq: Seq, status: TransactionStatus): void => {
    const before = statusOf(seq)
    if (before.state !== status.state && !canChange(before.state, status.state)) {
      throw new Error(`transition refused: ${before.state} to ${status.state} of ${seq}`)
    }
    const isReturn = status.state === 'buffered' && before.state !== 'buffered'
    states.get(before.state)!.delete(seq)
    states.get(status.state)!.add(seq)
    disk.statuses.set(seq, isReturn ? status : { ...before, ...status })
  }
  return {
    get epoch() {
      return epoch
    },
    get epochs() {
      return disk.epochs
    },
    durability: 'full',
    get firstSeq() {
      return 1
    },
    get lastSeq() {
      return disk.records.length
    },
    append: async (draft: TransactionDraft) => {
      const record = { ...draft, seq: disk.records.length + 1, epoch, bufferedAtMs: nowMs() }
      disk.records.push(record)
      states.get('buffered')!.add(record.seq)
      for (const listener of listeners) listener([record])
      return record
    },
    onDurable: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    catchUp: async () => undefined,
    getMany: async (seqs) => seqs.flatMap((seq) => disk.records[seq - 1] ?? []),
    scan: async function* (from) {
      yield disk.records.slice(from - 1)
    },
    findById: async (id) => disk.records.find((record) => record.id === id),
    findIdempotent: async () => undefined,
    status: statusOf,
    seqsIn: (state, { after = 0, limit = Number.POSITIVE_INFINITY } = {}) =>
      [...states.get(state)!]
        .filter((seq) => seq > after)
        .sort((a, b) => a - b)
        .slice(0, limit),
    setStatus: async (changes: readonly StatusChange[]) => {
      for (const { from, to, status } of changes) for (let seq = from; seq <= to; seq++) change(seq, status)
    },
    drop: async () => undefined,
    openEpoch: async () => {
      epoch = open()
      return epoch
    },
    getFact: (name) => disk.facts.get(name),
    setFact: async (name, value) => {
      disk.facts.set(name, value)
    },
    statistics: (): JournalStatistics => ({
      bytes: 0,
      firstSeq: 1,
      lastSeq: disk.records.length,
      counts: Object.fromEntries([...states].map(([state, seqs]) => [state, seqs.size])) as Record<
        TransactionState,
        number
      >,
    }),
    stop: async () => undefined,
  }
}
