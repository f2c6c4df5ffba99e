import type { FastifyReply, FastifyRequest } from 'fastify'
import { type AppendOptions, isOutpostError, type Receipt, type Site, type TransactionState } from 'outpost'
import { idempotencyOf, type ProblemCode, ProblemError, sendOutpostToken } from 'outpost/fastify'
import type { JsonValue } from '../resources/column-json.ts'
import { serviceCodes } from '../service-codes.ts'

type Transaction = ReturnType<Site['transaction']>

/** One critical write, ready to be recorded. */
export interface Recording {
  readonly transaction: Transaction
  readonly status: 200 | 201
  /** What the client is told beside the transaction's id, state and token. Stored for a retry (N22). */
  readonly body: Readonly<Record<string, JsonValue>>
  readonly check: NonNullable<AppendOptions['check']>
}

/** How long the main site's answer waits for its own write (N5). */
const mainWaitMs = 2_000

/** Appends the transaction and sends the answer; a repeated request gets the stored one with the present state. */
export async function record(
  site: Site,
  request: FastifyRequest,
  reply: FastifyReply,
  recording: Recording,
): Promise<FastifyReply> {
  const { transaction, status, body, check } = recording
  const idempotency = idempotencyOfRequest(site, request)
  const actor = request.apiToken?.name
  const receipt = await append(site, transaction, {
    check,
    isCritical: true,
    answer: ({ id }) => ({ status, body: { ...body, transaction_id: id } }),
    ...(idempotency === undefined ? {} : { idempotency }),
    ...(actor === undefined ? {} : { actor }),
  })
  const state = await settledState(site, receipt)
  const stored = receipt.answer ?? { status, body: { ...body, transaction_id: receipt.transactionId } }
  sendOutpostToken(reply, receipt.token)
  if (receipt.isReplayed) void reply.header('idempotency-replayed', 'true')
  return reply
    .code(stored.status)
    .send({ ...(stored.body as object), transaction_state: state, token: receipt.token })
}

/** Keys of the service's tables that have a code of their own. */
const codesOfKeys: Readonly<Record<string, ProblemCode>> = {
  raw_data_package_name_key: serviceCodes.package_exists,
  raw_data_package_module_key: serviceCodes.package_exists,
}

async function append(site: Site, transaction: Transaction, options: AppendOptions): Promise<Receipt> {
  try {
    return await site.append(transaction, options)
  } catch (error) {
    if (!isOutpostError(error, 'already_exists')) throw error
    const { message, details } = error
    const constraint = String(details.constraint)
    const code = codesOfKeys[constraint] ?? (constraint.endsWith('_pkey') ? serviceCodes.id_taken : undefined)
    if (code === undefined) throw error
    throw new ProblemError(code, message, { details, cause: error })
  }
}

/** The Idempotency-Key of a request, scoped by site and API token. */
export function idempotencyOfRequest(site: Site, request: FastifyRequest) {
  const key = request.headers['idempotency-key']
  return idempotencyOf({
    key: Array.isArray(key) ? key.join(',') : key,
    site: site.name,
    tokenId: String(request.apiToken?.id ?? ''),
    method: request.method,
    path: request.url,
    body: request.body,
  })
}

/** At the main site the state after at most two seconds; elsewhere, or with main away, what it is now. */
async function settledState(site: Site, receipt: Receipt): Promise<TransactionState> {
  if (site.type === 'secondary' || !site.isMainConnected) return receipt.state
  try {
    const { state } = await receipt.applied({ timeoutMs: mainWaitMs })
    return state
  } catch (error) {
    if (isOutpostError(error, 'transaction_rejected')) throw rejected(receipt, error.details)
    if (isOutpostError(error)) return receipt.state
    throw error
  }
}

function rejected(receipt: Receipt, details: Readonly<Record<string, unknown>>): ProblemError {
  return new ProblemError('transaction_rejected', `Main refused the transaction ${receipt.transactionId}.`, {
    details: { ...details, transaction_id: receipt.transactionId, transaction_state: 'rejected' },
  })
}
