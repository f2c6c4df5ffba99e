import { maxHeaderSize } from 'node:http'
import { allOptions } from '../packages/ops-db-api/src/configuration/configuration.ts'
import { maxBulkValues, maxFiles, maxPackageFiles } from '../packages/ops-db-api/src/recording/bodies.ts'
import { maxPackageBytes } from '../packages/ops-db-api/src/recording/package-content.ts'
import { maxCursorLength } from '../packages/ops-db-api/src/resources/cursor.ts'
import { maxTextLength } from '../packages/ops-db-api/src/resources/filter-value.ts'
import { defaultLimit, maxInValues, maxLimit } from '../packages/ops-db-api/src/resources/list-query.ts'
import {
  bodyLimitBytes,
  maxPathParameterLength,
  requestTimeoutMs,
} from '../packages/ops-db-api/src/server/build-server.ts'
import { maxBodyDepth, usualBodyValues } from '../packages/ops-db-api/src/server/json-body.ts'
import { serviceCodes } from '../packages/ops-db-api/src/service-codes.ts'
import { batchLimits } from '../packages/outpost/src/applier/batch-size.ts'
import { errorCodes } from '../packages/outpost/src/errors/codes.ts'
import { maxKeyLength } from '../packages/outpost/src/fastify/idempotency.ts'
import { keptAnswerMs } from '../packages/outpost/src/journal/idempotent-hit.ts'
import { keptFromAll, keptFromAppends } from '../packages/outpost/src/journal/lmdb/free-space.ts'
import { maxWaitingBytes } from '../packages/outpost/src/journal/lmdb/group-commit.ts'
import { maxWaiting } from '../packages/outpost/src/journal/redis/append-queue.ts'
import { defaultPlanLimits } from '../packages/outpost/src/ledger/batch-plan.ts'
import { fillingShare, maxUnconfirmedMs } from '../packages/outpost/src/observing/health-problems.ts'
import { defaultMaximumBytes, defaultMaximumOperations } from '../packages/outpost/src/transaction/builder.ts'

/** One limit: what is bounded, by how much, and what happens there. */
export interface Limit {
  readonly what: string
  readonly most: string
  /** What sets it; `fixed` where nothing does. */
  readonly setBy: string
  readonly atLimit: string
}

export interface LimitSection {
  readonly title: string
  readonly limits: readonly Limit[]
}

const count = (number: number): string => number.toLocaleString('en-US')
const days = (ms: number): string => `${ms / 86_400_000} days`

function size(bytes: number): string {
  for (const [unit, each] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (bytes >= each && bytes % each === 0) return `${bytes / each} ${unit}`
  return `${count(bytes)} bytes`
}

/** What the configuration says when nobody has set it. */
function fallback(name: string): string {
  const option = allOptions().find((each) => each.name === name)
  if (option?.fallback === undefined) throw new Error(`${name} is no setting with a default.`)
  return option.fallback
}

/** A refusal with its HTTP status, as the table of codes has it. */
function refusal(code: string): string {
  const entry = new Map<string, { readonly status: number }>([
    ...Object.entries(errorCodes),
    ...Object.entries(serviceCodes),
  ]).get(code)
  if (entry === undefined) throw new Error(`${code} is no code of an error.`)
  return `${entry.status} \`${code}\``
}

const seconds = (name: string): string => {
  const text = fallback(name)
  return Number(text) >= 86_400 ? days(Number(text) * 1_000) : `${text} s`
}

/** Every limit that a user can meet, with the value that the code holds to. */
export const limitSections: readonly LimitSection[] = [
  {
    title: 'A request over HTTP',
    limits: [
      {
        what: 'a body',
        most: size(bodyLimitBytes),
        setBy: 'fixed',
        atLimit: refusal('body_too_large'),
      },
      {
        what: 'request line and headers',
        most: size(maxHeaderSize),
        setBy: '`--max-http-header-size` of node',
        atLimit: refusal('headers_too_large'),
      },
      {
        what: 'members and items of a body',
        most: `${count(usualBodyValues)}; in a bulk call ${count(maxBulkValues)}`,
        setBy: 'fixed',
        atLimit: refusal('body_too_large'),
      },
      {
        what: 'levels of a body',
        most: count(maxBodyDepth),
        setBy: 'fixed',
        atLimit: refusal('body_too_deep'),
      },
      {
        what: 'files of one bulk call',
        most: count(maxFiles),
        setBy: 'fixed',
        atLimit: refusal('invalid_value'),
      },
      {
        what: 'files of a package; bytes of a package',
        most: `${count(maxPackageFiles)}; ${count(maxPackageBytes)}`,
        setBy: 'fixed',
        atLimit: refusal('package_too_large'),
      },
      {
        what: 'an Idempotency-Key; how long its answer is kept after the transaction has left the journal',
        most: `${count(maxKeyLength)} characters; ${days(keptAnswerMs)}`,
        setBy: 'fixed',
        atLimit: `${refusal('idempotency_key_invalid')}; afterwards the key is new`,
      },
      {
        what: 'until a request has arrived whole',
        most: `${requestTimeoutMs / 1_000} s`,
        setBy: 'fixed',
        atLimit: refusal('request_timeout'),
      },
      {
        what: 'a page of a list (without `limit`); values of an `.in` filter',
        most: `${count(maxLimit)} (${count(defaultLimit)}); ${count(maxInValues)}`,
        setBy: '`limit`; fixed',
        atLimit: refusal('invalid_value'),
      },
      {
        what: 'a text in a filter; a cursor; an id in a path',
        most: `${count(maxTextLength)}; ${count(maxCursorLength)}; ${count(maxPathParameterLength)} characters`,
        setBy: 'fixed',
        atLimit: `${refusal('invalid_value')}, ${refusal('cursor_invalid')}; 404 for the path`,
      },
    ],
  },
  {
    title: 'A transaction',
    limits: [
      {
        what: 'operations of a transaction',
        most: count(defaultMaximumOperations),
        setBy: 'fixed',
        atLimit: `${refusal('transaction_too_large')}; nothing of it is recorded`,
      },
      {
        what: 'names and values of a transaction together',
        most: size(defaultMaximumBytes),
        setBy: 'fixed',
        atLimit: `${refusal('transaction_too_large')}; nothing of it is recorded`,
      },
      {
        what: 'attempts of one that refers to a row which main lacks',
        most: `${fallback('TRANSACTION_RETRY_ATTEMPTS')}, ${seconds('TRANSACTION_RETRY_DELAY')} apart`,
        setBy: '`TRANSACTION_RETRY_ATTEMPTS`, `TRANSACTION_RETRY_DELAY`',
        atLimit: 'it is `rejected`; what the link cuts short is no attempt',
      },
    ],
  },
  {
    title: 'The journal',
    limits: [
      {
        what: 'its size',
        most: size(Number(fallback('JOURNAL_MAX_BYTES'))),
        setBy: '`JOURNAL_MAX_BYTES`',
        atLimit: `${refusal('journal_full')}, an alarm; reads and the drain go on`,
      },
      {
        what: 'the last part of it, for critical calls alone',
        most: 'a fifth of `JOURNAL_MAX_BYTES`',
        setBy: '`JOURNAL_RESERVE_BYTES`',
        atLimit: `${refusal('journal_full')} for other writes; the alarm \`journal_reserve\``,
      },
      {
        what: 'how full it may be before health says so',
        most: `${fillingShare * 100} %`,
        setBy: 'fixed',
        atLimit: 'the alarm `journal_filling`',
      },
      {
        what: 'how long a confirmed transaction is kept; how large the journal may be for that',
        most: `${seconds('JOURNAL_RETENTION')}; half of \`JOURNAL_MAX_BYTES\``,
        setBy: '`JOURNAL_RETENTION`, `JOURNAL_RETENTION_BYTES`',
        atLimit: 'the oldest confirmed ones go, if every promotable standby has them',
      },
      {
        what: 'how long main may have what the replica of the site does not show',
        most: `${maxUnconfirmedMs / 3_600_000} hours`,
        setBy: 'fixed',
        atLimit:
          'the alarm `unconfirmed`; the journal keeps it, up to its size, or until `outpost tx release`',
      },
      {
        what: 'pending transactions before health says so',
        most: count(Number(fallback('TRANSACTION_BUFFER_SIZE'))),
        setBy: '`TRANSACTION_BUFFER_SIZE`',
        atLimit: 'the alarm `buffer_large`; recording goes on',
      },
      {
        what: 'free bytes of the disk that appends leave; that nothing touches',
        most: `${size(keptFromAppends)}; ${size(keptFromAll)}`,
        setBy: 'fixed',
        atLimit: `${refusal('journal_full')}; statuses, drops and a restart still find room`,
      },
      {
        what: 'what waits for the disk at one moment (LMDB); for Redis',
        most: `${size(maxWaitingBytes)}; ${count(maxWaiting.drafts)} transactions, ${size(maxWaiting.bytes)}`,
        setBy: 'fixed',
        atLimit: `${refusal('journal_full')}; ${refusal('journal_unavailable')}`,
      },
    ],
  },
  {
    title: 'On the way to main',
    limits: [
      {
        what: 'a batch',
        most: `${size(batchLimits.largest.bytes)} and ${count(batchLimits.largest.transactions)} transactions; one transaction always goes`,
        setBy: 'measured',
        atLimit: 'the rest goes with the next; each failure halves it',
      },
      {
        what: 'batches under way at once',
        most: '4',
        setBy: `\`APPLIER_CALLS\` (${fallback('APPLIER_CALLS')})`,
        atLimit: 'the next waits for an answer',
      },
      {
        what: 'transactions and operations that main commits together while all is well',
        most: `${count(defaultPlanLimits.maxGroupTransactions)}; ${count(defaultPlanLimits.maxGroupOperations)}`,
        setBy: 'fixed',
        atLimit: 'the next group begins',
      },
    ],
  },
]
