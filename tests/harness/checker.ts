import type { LedgerRow, MainState } from './main-state.ts'
import type { Intent, Row } from './workload.ts'

/** What a recording program said of one transaction. */
export interface Recorded {
  readonly id: string
  readonly seq: number
  readonly intent: Intent
}

export interface Account {
  /** Answered with success: each must be on main exactly once. */
  readonly acknowledged: readonly Recorded[]
  /** Begun, but the program died before it answered: each may be on main, whole and once, or not at all. */
  readonly inDoubt: readonly Intent[]
}

export interface Violation {
  readonly kind:
    | 'lost'
    | 'rejected'
    | 'doubled'
    | 'unknown'
    | 'seq_changed'
    | 'row_missing'
    | 'row_unexpected'
    | 'row_differs'
    | 'step_doubled'
    | 'step_missing'
    | 'step_out_of_order'
    | 'step_unexpected'
  readonly what: string
}

/**
 * Compares what was acknowledged with what main holds. Pure.
 *
 * Every acknowledged transaction has exactly one ledger row that says `applied`; the tables are exactly what the
 * transactions with such a row leave when they run in journal order; every step of a counter ran once, in order.
 */
export function findViolations(account: Account, main: MainState): readonly Violation[] {
  const violations: Violation[] = []
  const report = (kind: Violation['kind'], what: string) => violations.push({ kind, what })
  const taken = checkLedger(account, main, report)
  checkTables(taken, main, report)
  checkSteps(taken, main, report)
  return violations
}

type Report = (kind: Violation['kind'], what: string) => void

/** The intents that took effect by the ledger's word, in journal order. */
function checkLedger(account: Account, main: MainState, report: Report): readonly Intent[] {
  const rows = new Map<string, LedgerRow[]>()
  for (const row of main.ledger) rows.set(row.id, [...(rows.get(row.id) ?? []), row])
  const taken: { readonly seq: number; readonly intent: Intent }[] = []
  for (const { id, seq, intent } of account.acknowledged) {
    const found = rows.get(id) ?? []
    rows.delete(id)
    const first = found[0]
    if (first === undefined) {
      report('lost', `${nameOf(intent)} (seq ${seq}) was acknowledged and has no ledger row`)
      // Its rows are expected all the same: whether they are there tells what kind of loss it is.
      taken.push({ seq, intent })
      continue
    }
    if (found.length > 1) report('doubled', `${nameOf(intent)} has ${found.length} ledger rows`)
    if (first.outcome === 'rejected') {
      report('rejected', `${nameOf(intent)} was rejected: ${first.sqlstate} ${first.message}`)
    } else {
      taken.push({ seq, intent })
    }
    if (first.seq !== seq)
      report('seq_changed', `${nameOf(intent)} was acknowledged as ${seq} and is ${first.seq}`)
  }
  takeDoubtful(account, main, rows, taken, report)
  return taken.sort((a, b) => a.seq - b.seq).map(({ intent }) => intent)
}

/** What nobody was told of is matched by its audit row, which only a whole transaction leaves. */
function takeDoubtful(
  account: Account,
  main: MainState,
  rows: Map<string, LedgerRow[]>,
  taken: { readonly seq: number; readonly intent: Intent }[],
  report: Report,
): void {
  const audit = main.tables.get('audit') ?? new Map<string, Row>()
  const arrived = account.inDoubt.filter((intent) => audit.has(nameOf(intent)))
  const unnamed = [...rows.values()].flat()
  if (unnamed.length !== arrived.length) {
    report(
      'unknown',
      `${unnamed.length} ledger rows beside ${arrived.length} transactions that were in doubt`,
    )
  }
  // Nothing of its stream was recorded behind it, so it stands behind everything of its stream.
  for (const intent of arrived) taken.push({ seq: Number.MAX_SAFE_INTEGER, intent })
}

function checkTables(taken: readonly Intent[], main: MainState, report: Report): void {
  const expected = replay(taken)
  for (const name of main.doubled) report('doubled', `${name} occurs twice`)
  for (const [table, rows] of main.tables) {
    const wanted = expected.get(table) ?? new Map<string, Row>()
    for (const [key, row] of wanted) {
      const found = rows.get(key)
      if (found === undefined) report('row_missing', `${table} ${key}`)
      else if (!isSame(row, found))
        report('row_differs', `${table} ${key}: ${JSON.stringify(found)}, not ${JSON.stringify(row)}`)
    }
    for (const key of rows.keys()) if (!wanted.has(key)) report('row_unexpected', `${table} ${key}`)
  }
}

function replay(taken: readonly Intent[]): ReadonlyMap<string, ReadonlyMap<string, Row>> {
  const tables = new Map<string, Map<string, Row>>()
  for (const write of taken.flatMap(({ writes }) => writes)) {
    const rows = tables.get(write.table) ?? new Map<string, Row>()
    tables.set(write.table, rows)
    switch (write.kind) {
      case 'insert':
        rows.set(write.key, write.row)
        break
      case 'update':
        rows.set(write.key, { ...rows.get(write.key), ...write.set })
        break
      case 'delete':
        rows.delete(write.key)
        break
    }
  }
  return tables
}

function checkSteps(taken: readonly Intent[], main: MainState, report: Report): void {
  const expected = new Map<string, string[]>()
  for (const write of taken.flatMap(({ writes }) => writes)) {
    if (write.table !== 'counter' || write.kind !== 'update') continue
    expected.set(write.key, [...(expected.get(write.key) ?? []), write.set.step ?? ''])
  }
  const found = new Map<string, string[]>()
  for (const { counter, step } of main.steps) found.set(counter, [...(found.get(counter) ?? []), step])
  for (const counter of new Set([...expected.keys(), ...found.keys()])) {
    compareSteps(counter, expected.get(counter) ?? [], found.get(counter) ?? [], report)
  }
}

function compareSteps(
  counter: string,
  expected: readonly string[],
  found: readonly string[],
  report: Report,
): void {
  const seen = new Set<string>()
  for (const step of found) {
    if (seen.has(step)) report('step_doubled', `counter ${counter} took step ${step} twice`)
    else if (!expected.includes(step)) report('step_unexpected', `counter ${counter} took step ${step}`)
    seen.add(step)
  }
  for (const step of expected) {
    if (!seen.has(step)) report('step_missing', `counter ${counter} never took step ${step}`)
  }
  const once = [...seen].filter((step) => expected.includes(step))
  if (once.join() !== expected.filter((step) => seen.has(step)).join()) {
    report('step_out_of_order', `counter ${counter} took ${once.join(', ')}, not ${expected.join(', ')}`)
  }
}

function isSame(wanted: Row, found: Row): boolean {
  return Object.entries(wanted).every(([column, value]) => found[column] === value)
}

function nameOf(intent: Intent): string {
  return `${intent.stream} ${intent.n}`
}
