import { describe, expect, it } from 'vitest'
import { type Account, findViolations, type Recorded } from './checker.ts'
import type { LedgerRow, MainState } from './main-state.ts'
import { fileId, intentOf, type Row, uuidOf } from './workload.ts'

const recorded: readonly Recorded[] = Array.from({ length: 9 }, (_, n) => ({
  id: uuidOf('transaction', n),
  seq: n + 1,
  intent: intentOf('s', n),
}))
const account: Account = { acknowledged: recorded, inDoubt: [] }
const counter = uuidOf('s', 'counter')

const ledger: readonly LedgerRow[] = recorded.map(({ id, seq }) => ({
  epoch: 'e',
  seq,
  id,
  outcome: 'applied',
  sqlstate: null,
  message: null,
}))

/** Main as it must be after the nine transactions, with changes. */
function mainWith(change: (tables: Map<string, Map<string, Row>>) => void = () => undefined): MainState {
  const tables = new Map<string, Map<string, Row>>(
    ['unit', 'file', 'audit', 'counter'].map((table) => [table, new Map<string, Row>()]),
  )
  for (const write of recorded.flatMap(({ intent }) => intent.writes)) {
    const rows = tables.get(write.table)!
    if (write.kind === 'delete') rows.delete(write.key)
    else if (write.kind === 'insert') rows.set(write.key, write.row)
    else rows.set(write.key, { ...rows.get(write.key), ...write.set })
  }
  change(tables)
  return {
    ledger,
    tables,
    doubled: [],
    steps: [
      { counter, step: '2' },
      { counter, step: '6' },
    ],
  }
}

const kinds = (main: MainState, of: Account = account) => findViolations(of, main).map(({ kind }) => kind)

describe('P3: the checker', () => {
  it('accepts what is right', () => {
    expect(findViolations(account, mainWith())).toEqual([])
  })

  it('sees an acknowledged transaction that main never had', () => {
    const main = mainWith((tables) => tables.get('audit')!.delete('s 8'))
    expect(kinds({ ...main, ledger: ledger.slice(0, 8) })).toEqual(['lost', 'row_missing'])
  })

  it('sees a second ledger row, a rejection and a row of nobody', () => {
    expect(kinds({ ...mainWith(), ledger: [...ledger, ledger[3]!] })).toEqual(['doubled'])
    const rejected = ledger.map((row) => (row.seq === 9 ? { ...row, outcome: 'rejected' as const } : row))
    expect(kinds({ ...mainWith(), ledger: rejected })).toContain('rejected')
    expect(kinds({ ...mainWith(), ledger: [...ledger, { ...ledger[0]!, id: 'x' }] })).toEqual(['unknown'])
  })

  it('P4: sees half a transaction', () => {
    expect(kinds(mainWith((tables) => tables.get('file')!.delete(fileId('s', 1, 0))))).toEqual([
      'row_missing',
    ])
  })

  it('sees a removed row that came back', () => {
    const again = mainWith((tables) => tables.get('file')!.set(fileId('s', 1, 1), { id: 'x' }))
    expect(kinds(again)).toEqual(['row_unexpected'])
  })

  it('sees a step that ran twice, never, or before another', () => {
    const main = mainWith()
    expect(kinds({ ...main, steps: [...main.steps, { counter, step: '6' }] })).toEqual(['step_doubled'])
    expect(kinds({ ...main, steps: main.steps.slice(1) })).toEqual(['step_missing'])
    expect(kinds({ ...main, steps: [...main.steps].reverse() })).toEqual(['step_out_of_order'])
  })

  it('accepts a transaction in doubt either way, but only once and whole', () => {
    const doubtful: Account = { acknowledged: recorded.slice(0, 8), inDoubt: [intentOf('s', 8)] }
    expect(kinds(mainWith(), doubtful)).toEqual([])
    expect(kinds({ ...mainWith(), ledger: [...ledger, ledger[8]!] }, doubtful)).toEqual(['unknown'])
    const half = mainWith((tables) => tables.get('audit')!.delete('s 8'))
    expect(kinds(half, doubtful)).toContain('unknown')
  })
})
