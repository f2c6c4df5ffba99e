import { OutpostError } from 'outpost'
import { describe, expect, it } from 'vitest'
import { type ConflictDocument, renderConflict, renderConflicts } from './conflicts.ts'
import { renderProblem, toProblem } from './problem.ts'
import { formatDuration } from './quantity.ts'
import { renderStatus, statusExitCode } from './status.ts'
import { renderTable } from './table.ts'
import { renderTransaction, renderTransactions, type TransactionDocument } from './transactions.ts'

const transaction: TransactionDocument = {
  id: '0193-a',
  state: 'buffered',
  epoch: 'e1',
  seq: 7,
  buffered_at: '2026-01-02T03:04:05.678Z',
  applied_at: null,
  rejected_at: null,
  replicated_at: null,
  position: null,
  attempts: 0,
  redriven: 0,
  operation_count: 1,
  flags: [],
  depends_on: [],
  parked_by: null,
  replaces: null,
  actor: null,
  rejection: null,
}

describe('renderTable', () => {
  it('aligns columns and leaves no blank at the end of a line', () => {
    const rows = [
      { name: 'a', count: 5 },
      { name: 'long', count: 12 },
    ]
    const table = renderTable(
      [
        { title: 'N', value: (row: (typeof rows)[number]) => String(row.count), align: 'right' },
        { title: 'NAME', value: (row: (typeof rows)[number]) => row.name },
      ],
      rows,
    )
    expect(table).toBe(' N  NAME\n 5  a\n12  long\n')
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [350, '350 ms'],
    [2_449, '2.4 s'],
    [200_000, '3 min'],
    [7_200_000, '2 h'],
    [200_000_000, '2 d'],
  ])('%i ms reads as %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('renderTransactions', () => {
  it('P12: shows each step with its time', () => {
    expect(renderTransactions({ items: [transaction], next_after: null })).toBe(
      [
        'SEQ  ID      STATE     BUFFERED                  APPLIED  REPLICATED  OPS  WHY',
        '  7  0193-a  buffered  2026-01-02T03:04:05.678Z  -        -             1\n',
      ].join('\n'),
    )
  })

  it('says how to go on after a full page', () => {
    expect(renderTransactions({ items: [transaction], next_after: 7 })).toMatch(/more: --after 7\n$/)
  })

  it('P5: says why a transaction was rejected and what a parked one waits for', () => {
    const rejection = { sqlstate: '23505', constraint: 'unit_key', message: 'duplicate key', detail: null }
    const rejected = { ...transaction, state: 'rejected', rejection }
    const parked = { ...transaction, state: 'parked', parked_by: [7, 9] }
    const text = renderTransactions({ items: [rejected, parked], next_after: null })
    expect(text).toContain('23505 duplicate key (unit_key)')
    expect(text).toContain('waits for 7, 9')
  })

  it('P5: does not say that one waits which was thrown away with what it waited for', () => {
    const at = '2026-01-02T03:04:06.000Z'
    const by = { transaction_id: '0193-b', kind: 'discard', actor: 'boss', reason: null, at } as const
    const thrown = { ...transaction, state: 'discarded', parked_by: [9], decided_by: by }
    expect(renderTransactions({ items: [thrown], next_after: null })).not.toContain('waits')
    expect(renderTransaction(thrown)).toMatch(/^decided +discard by boss/m)
  })
})

describe('renderTransaction', () => {
  it('P12: says when main rejected it, not when it applied it', () => {
    const rejected = { ...transaction, state: 'rejected', rejected_at: '2026-01-02T03:04:06.000Z' }
    const text = renderTransaction(rejected)
    expect(text).toMatch(/^rejected +2026-01-02T03:04:06.000Z$/m)
    expect(text).not.toMatch(/^applied/m)
  })

  it('lists the operations with quoted values', () => {
    const operations = [
      { kind: 'update', table: 'public.t', key: { id: '1' }, set: { note: 'a\u001b[2J', old: null } },
    ] as const
    expect(renderTransaction({ ...transaction, operations })).toContain(
      'update public.t where id="1" note="a\\u001b[2J" old=null\n',
    )
  })
})

describe('toProblem', () => {
  it('carries code, hint and exit code of an error of ours', () => {
    const problem = toProblem(new OutpostError('migration_on_replica', 'main:5432 is in recovery.'))
    expect(problem).toMatchObject({
      code: 'migration_on_replica',
      exit_code: 4,
      detail: 'main:5432 is in recovery.',
    })
    expect(renderProblem(problem)).toMatch(/^error: main:5432 is in recovery\.\nhint: .+\n$/)
  })

  it('names a port that another program took meanwhile', () => {
    const error = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', port: 8_000 })
    expect(toProblem(error)).toMatchObject({
      code: 'port_in_use',
      exit_code: 2,
      detail: 'Port 8000 is already in use.',
    })
  })

  it('gives anything else the exit code 1', () => {
    expect(toProblem(new TypeError('boom'))).toMatchObject({
      code: 'unexpected',
      exit_code: 1,
      detail: 'boom',
    })
  })
})

describe('renderStatus', () => {
  const health = {
    status: 'degraded',
    database: 'unreachable',
    main_contact_age_seconds: 75,
    redis: 'unused',
    replica: 'connected',
    can_record: true,
    transaction_buffer: { size: 4, failed: 1, oldest_pending_seconds: 90 },
    background_processor: {
      status: 'waiting',
      last_run: '2026-01-02T03:04:05.678Z',
      transactions_processed: 12,
      success_rate: 1,
    },
    replication_lag: { current_lag_seconds: 90, main_lsn: null, replica_lsn: '0/3000000' },
    site: { name: 'observatory', type: 'secondary', epoch: 'e1', journal: 'lmdb', durability: 'full' },
    problems: [{ code: 'main_unreachable', message: 'Main does not answer.', hint: 'Wait.' }],
  } as const

  it('shows what is wrong and what to do', () => {
    const text = renderStatus({ url: 'http://127.0.0.1:8001', health, buffer: null })
    expect(text).toContain('degraded, records')
    expect(text).toContain('unreachable, answered 1 min ago')
    expect(text).toContain('4 pending, oldest 1 min old, 1 rejected')
    expect(text).toContain('connected, lag 1 min')
    expect(text).toMatch(/main_unreachable: Main does not answer\.\n {2}Wait\.\n$/)
  })

  it.each([
    ['healthy', 0],
    ['degraded', 1],
    ['unhealthy', 1],
  ] as const)('%s ends with exit code %i', (status, code) => expect(statusExitCode({ status })).toBe(code))
})

describe('renderConflicts', () => {
  const conflict: ConflictDocument = {
    id: '7',
    at: '2026-01-01T00:00:00.000Z',
    table: 'public.unit',
    key: { id: 1 },
    policy: 'last_writer',
    site: 'institute',
    transaction_id: 'later',
    other_sites: ['observatory'],
    other_transactions: ['earlier'],
    columns: ['status'],
    base: { status: 'running' },
    mine: { status: 'failed\u001b[2J' },
    theirs: { status: 'completed' },
    result: null,
    winner: 'theirs',
    lost: ['status'],
    rejected: false,
  }

  it('shows what was seen, wanted and met, from either side, and sends no control character on', () => {
    const text = renderConflicts([conflict], '7')
    expect(text).toContain('public.unit id=1: status (last_writer) overruled: main kept what it had\n')
    expect(text).toContain('institute (transaction later) wanted status="failed\\u001b[2J"\n')
    expect(text).toContain('its client had seen status="running"\n')
    expect(text).toContain('main had status="completed", set by observatory (transaction earlier)\n')
    expect(text).toMatch(/more: --before 7\n$/)
    expect(renderConflict(conflict, 'earlier')).toContain('(last_writer) kept\n')
    expect(renderConflict({ ...conflict, winner: 'mine' }, 'earlier')).toContain('overwritten\n')
    expect(renderConflict({ ...conflict, rejected: true })).toContain('refused: main kept what it had\n')
    expect(renderConflict({ ...conflict, winner: 'merged', result: { status: 'x' } })).toMatch(
      /merged: not taken over were status\n[\s\S]*made of both status="x"\n$/,
    )
    const gone = {
      ...conflict,
      mine: null,
      base: null,
      theirs: null,
      other_sites: [],
      other_transactions: [],
    }
    expect(renderConflict(gone)).toMatch(
      /wanted to delete it\n.*nothing that it told of\n.*no such row any more\n$/,
    )
    expect(renderConflicts([], null)).toBe('No conflicts.\n')
  })
})
