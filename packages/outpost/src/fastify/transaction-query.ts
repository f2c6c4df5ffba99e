import { type TransactionState, transactionStates } from '../transaction/state.ts'
import type { TransactionId } from '../transaction/transaction.ts'
import { ProblemError } from './problem.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The id that a path names. What cannot be one is not known here. Error: `transaction_unknown`. */
export function transactionIdOf(text: string): TransactionId {
  if (uuidPattern.test(text)) return text.toLowerCase()
  throw transactionUnknown()
}

export function transactionUnknown(): ProblemError {
  return new ProblemError('transaction_unknown', 'No transaction with this id is known here.')
}

export interface TransactionQuery {
  readonly state?: TransactionState
  readonly after?: number
  readonly limit: number
}

const defaultLimit = 50
const maxLimit = 500

/** Parses `?state=&limit=&after=`. Every value may be text or a number. Errors: `invalid_value`, `unknown_column`. */
export function transactionQuery(query: Readonly<Record<string, unknown>>): TransactionQuery {
  refuseOthers(query, ['state', 'limit', 'after'])
  const after =
    query.after === undefined ? undefined : wholeNumber('after', query.after, 0, Number.MAX_SAFE_INTEGER)
  const limit = query.limit === undefined ? defaultLimit : wholeNumber('limit', query.limit, 1, maxLimit)
  const state = query.state === undefined ? undefined : stateOf(query.state)
  return { limit, ...(after === undefined ? {} : { after }), ...(state === undefined ? {} : { state }) }
}

export interface ConflictListQuery {
  readonly table?: string
  readonly before?: string
  readonly limit: number
}

/** Parses `?table=&limit=&before=`. Errors: `invalid_value`, `unknown_column`. */
export function conflictQuery(query: Readonly<Record<string, unknown>>): ConflictListQuery {
  refuseOthers(query, ['table', 'limit', 'before'])
  const { table, before, limit } = query
  if (table !== undefined && (typeof table !== 'string' || table.includes('\0')))
    throw new ProblemError('invalid_value', 'table must be the name of one table.')
  return {
    limit: limit === undefined ? defaultLimit : wholeNumber('limit', limit, 1, maxLimit),
    ...(table !== undefined && { table }),
    ...(before !== undefined && {
      before: String(wholeNumber('before', before, 1, Number.MAX_SAFE_INTEGER)),
    }),
  }
}

/** The only parameter of a request, which is true or false; false when it is left out. Errors: `invalid_value`, `unknown_column`. */
export function flagParameter(query: Readonly<Record<string, unknown>>, name: string): boolean {
  const unknown = Object.keys(query).find((each) => each !== name)
  if (unknown !== undefined) {
    throw new ProblemError('unknown_column', `'${unknown.slice(0, 64)}' is not a parameter here.`, {
      hint: `Use ${name}.`,
    })
  }
  const value = query[name] ?? false
  if (value === 'true' || value === true) return true
  if (value === 'false' || value === false) return false
  throw new ProblemError('invalid_value', `${name} must be true or false.`)
}

function refuseOthers(query: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new ProblemError('unknown_column', `'${unknown.slice(0, 64)}' is not a parameter here.`, {
    hint: `Use ${names.slice(0, -1).join(', ')} and ${names.at(-1)}.`,
  })
}

function stateOf(value: unknown): TransactionState {
  const state = transactionStates.find((known) => known === value)
  if (state === undefined)
    throw new ProblemError('invalid_value', `state must be one of ${transactionStates.join(', ')}.`)
  return state
}

function wholeNumber(name: string, value: unknown, min: number, max: number): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
    throw new ProblemError('invalid_value', `${name} must be a whole number from ${min} to ${max}.`)
  }
  return number
}
