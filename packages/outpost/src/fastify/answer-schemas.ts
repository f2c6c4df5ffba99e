import { transactionStates } from '../transaction/state.ts'

/** A JSON schema; fastify takes any object for one. */
type JsonSchema = Readonly<Record<string, unknown>>

const text = { type: 'string' } as const
const number = { type: 'number' } as const
const whole = { type: 'integer' } as const
const flag = { type: 'boolean' } as const
const time = { type: 'string', format: 'date-time' } as const
const orNull = (type: string) => ({ type: [type, 'null'] }) as const
const timeOrNull = { type: ['string', 'null'], format: 'date-time' } as const
const oneOf = (...values: readonly string[]) => ({ type: 'string', enum: values }) as const
const listOf = (items: JsonSchema) => ({ type: 'array', items }) as const

/** Always open: a serializer made from it drops nothing that a later version adds. */
function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: true }
}

const problems = listOf(objectOf({ code: text, message: text, hint: text }))
const decisionKind = oneOf('replay', 'edit', 'resolve', 'discard')
const state = oneOf(...transactionStates)

export const healthAnswer = objectOf({
  status: { ...oneOf('healthy', 'degraded', 'unhealthy'), description: 'unhealthy: it cannot record' },
  database: { ...oneOf('connected', 'unreachable'), description: 'Whether main answers' },
  main_contact_age_seconds: {
    ...orNull('number'),
    description: 'Since main last answered; null before first contact',
  },
  redis: oneOf('connected', 'unreachable', 'unused'),
  replica: oneOf('connected', 'unreachable', 'diverged', 'unused'),
  can_record: flag,
  transaction_buffer: objectOf({ size: whole, failed: whole, oldest_pending_seconds: number }),
  background_processor: objectOf({
    status: oneOf('running', 'waiting', 'stopped'),
    last_run: timeOrNull,
    transactions_processed: whole,
    success_rate: number,
  }),
  replication_lag: objectOf({
    current_lag_seconds: orNull('number'),
    main_lsn: orNull('string'),
    replica_lsn: orNull('string'),
  }),
  site: objectOf({
    name: text,
    type: oneOf('main', 'secondary'),
    epoch: text,
    journal: oneOf('lmdb', 'redis'),
    durability: oneOf('full', 'relaxed'),
  }),
  problems: { ...problems, description: 'What is wrong and what to do; empty when healthy' },
})

export const readyAnswer = objectOf({ ready: flag, problems })

export const statisticsAnswer = objectOf({
  pending_transactions: { ...whole, description: 'Not yet replicated' },
  failed_transactions: whole,
  processing_rate: { ...number, description: 'Per second, over the last minute' },
  average_execution_time_ms: number,
  buffer_size_mb: number,
  states: objectOf(Object.fromEntries(transactionStates.map((name) => [name, whole]))),
  last_batch: {
    ...objectOf({ transactions: whole, bytes: whole, duration_ms: number }),
    type: ['object', 'null'],
  },
})

const transaction = {
  id: text,
  state,
  epoch: text,
  seq: whole,
  buffered_at: time,
  applied_at: timeOrNull,
  rejected_at: timeOrNull,
  replicated_at: timeOrNull,
  position: orNull('string'),
  lineage: orNull('string'),
  attempts: whole,
  redriven: { ...whole, description: 'How often it was applied again because main had lost it' },
  overruled: {
    ...flag,
    description: 'Applied, but by the conflict policy of a table something of it gave way',
  },
  operation_count: whole,
  flags: listOf(text),
  depends_on: listOf(whole),
  parked_by: { description: 'seqs that it waits for, or stuck; null when it does not wait' },
  replaces: orNull('string'),
  actor: { type: ['string', 'null'], description: 'Name of the API token that recorded it' },
  rejection: {
    ...objectOf({
      code: {
        ...orNull('string'),
        description:
          'row_missing, decided_before, conflict, append_only or policy_failed; null for what PostgreSQL refused',
      },
      sqlstate: orNull('string'),
      constraint: orNull('string'),
      message: orNull('string'),
      detail: orNull('string'),
    }),
    type: ['object', 'null'],
  },
  decision: {
    ...objectOf({ kind: decisionKind, on: listOf(text), count: whole, reason: orNull('string') }),
    type: ['object', 'null'],
    description: 'What this transaction decides on, when an operator made it; at most 100 ids',
  },
  decided_by: {
    ...objectOf({
      transaction_id: text,
      kind: decisionKind,
      reason: orNull('string'),
      actor: orNull('string'),
      at: time,
    }),
    type: ['object', 'null'],
    description: 'The decision about this transaction',
  },
} as const

const rowOrNull = { type: ['object', 'null'], additionalProperties: true } as const

const conflict = objectOf({
  id: text,
  at: time,
  table: text,
  key: { type: 'object', additionalProperties: true },
  policy: oneOf('column_merge', 'compare_and_set', 'last_writer', 'append_only', 'function'),
  site: { ...text, description: 'Whose change came later to main' },
  transaction_id: text,
  other_sites: { ...listOf(text), description: 'Who had set what it met' },
  other_transactions: listOf(text),
  columns: listOf(text),
  base: { ...rowOrNull, description: 'What its client had seen, as far as it said so' },
  mine: { ...rowOrNull, description: 'What it wanted; null to delete the row' },
  theirs: { ...rowOrNull, description: 'What main had; null when the row had been deleted' },
  result: { ...rowOrNull, description: 'What an own function made of both' },
  winner: oneOf('mine', 'theirs', 'merged'),
  lost: { ...listOf(text), description: 'Columns of the change that were not taken over' },
  rejected: { ...flag, description: 'The transaction became a dead letter' },
})

export const conflictsAnswer = objectOf({
  items: listOf(conflict),
  next_before: { ...orNull('string'), description: 'before of the next page; null on the last one' },
})

export const transactionAnswer = objectOf({
  ...transaction,
  site: text,
  operations: listOf({ type: 'object', additionalProperties: true }),
  cone: {
    ...objectOf({ count: whole, first: listOf(objectOf({ id: text, seq: whole, state })) }),
    description: 'What waits for it, directly or through others; the first 100 by name',
  },
  conflicts: {
    type: 'object',
    properties: {
      answered: flag,
      reason: { ...text, description: 'Why there is no answer' },
      items: listOf(conflict),
    },
    required: ['answered'],
    additionalProperties: true,
    description: 'Where it met other changes of the same rows, on either side; waits at most a few seconds',
  },
  main: {
    type: ['object', 'null'],
    properties: {
      answered: flag,
      reason: { ...text, description: 'Why there is no answer' },
      rows: listOf(
        objectOf({
          why: oneOf('unique', 'referenced', 'referring', 'changed'),
          table: text,
          key: { type: 'object', additionalProperties: true },
          row: { type: ['object', 'null'], additionalProperties: true },
        }),
      ),
    },
    required: ['answered'],
    additionalProperties: true,
    description: 'With ?main=true: the rows that the rejection is about, as main has them now',
  },
})

export const decisionAnswer = objectOf({
  decision: decisionKind,
  on: { ...text, description: 'The transaction that it decides on' },
  decided: { ...whole, description: 'How many it decides on: with a cone more than one' },
  waiting: { ...whole, description: 'How many wait for it from now on' },
  transaction_id: { ...orNull('string'), description: 'The new transaction; null on a dry run' },
  transaction_state: { ...orNull('string'), description: 'State of the new transaction' },
  token: orNull('string'),
  dry_run: flag,
})

export const transactionsAnswer = objectOf({
  items: listOf(objectOf(transaction)),
  next_after: { type: ['integer', 'null'], description: 'after of the next page; null on the last one' },
})

export const acceptsMainAnswer = objectOf({ site: text, accepts_main: flag })
export const resumesApplyingAnswer = objectOf({ site: text, resumes_applying: flag })
export const unconfirmedReleasedAnswer = objectOf({ site: text, released: whole })
export const attemptsReleasedAnswer = objectOf({ site: text, attempts_released: flag })
