import { type TransactionState, transactionStates } from '../transaction/state.ts'
import { ProblemError } from './problem.ts'

export interface TransactionQuery {
  readonly state?: TransactionState
  readonly after?: number
  readonly limit: number
}

const defaultLimit = 50
const maxLimit = 500

/** Parses `?state=&limit=&after=`. Every value may be text or a number. Errors: `invalid_value`, `unknown_column`. */
export function transactionQuery(query: Readonly<Record<string, unknown>>): TransactionQuery {
  const unknown = Object.keys(query).find((name) => !['state', 'limit', 'after'].includes(name))
  if (unknown !== undefined) {
    throw new ProblemError('unknown_column', `'${unknown.slice(0, 64)}' is not a parameter here.`, {
      hint: 'Use state, limit and after.',
    })
  }
  const after =
    query.after === undefined ? undefined : wholeNumber('after', query.after, 0, Number.MAX_SAFE_INTEGER)
  const limit = query.limit === undefined ? defaultLimit : wholeNumber('limit', query.limit, 1, maxLimit)
  const state = query.state === undefined ? undefined : stateOf(query.state)
  return { limit, ...(after === undefined ? {} : { after }), ...(state === undefined ? {} : { state }) }
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
