import { type ErrorCode, errorCodes } from '../errors/codes.ts'
import { isOutpostError } from '../errors/outpost-error.ts'

/**
 * N11: what an error says about waiting.
 * - `connectivity`: the server is away or only reads; wait for ever, count no attempt (P2, E20).
 * - `configuration`: somebody must change something; stop and raise an alarm, no transaction is to blame.
 * - `transient`: the same statement may pass later; retry. Every code that is not known is of this class.
 * - `deterministic`: the statement itself is at fault and will fail again; reject it.
 */
export type ErrorClass = 'connectivity' | 'configuration' | 'transient' | 'deterministic'

const connectivityCodes = new Set([
  // Main has become a standby or was set read-only: another server may be main, or this one will be again.
  '25006',
  // Raised only while connecting, so no statement can be at fault.
  '53300',
])
const configurationCodes = new Set(['42501'])
const deterministicCodes = new Set(['P0001'])

const connectivityPrefixes = ['08', '57P0']
const configurationPrefixes = ['28', '3D']
const deterministicPrefixes = ['22', '23', '42', '44', '54', '0A']

/** The class of a five-character SQLSTATE. Total: a code that is not listed is transient. */
export function classifySqlstate(sqlstate: string): ErrorClass {
  const startsWith = (prefix: string) => sqlstate.startsWith(prefix)
  if (connectivityCodes.has(sqlstate) || connectivityPrefixes.some(startsWith)) return 'connectivity'
  if (configurationCodes.has(sqlstate) || configurationPrefixes.some(startsWith)) return 'configuration'
  if (deterministicCodes.has(sqlstate) || deterministicPrefixes.some(startsWith)) return 'deterministic'
  return 'transient'
}

/**
 * The class of anything that was thrown: a database error, a socket's or the driver's, one of Outpost's own, or
 * something else entirely. Total; it never throws.
 */
export function classify(error: unknown): ErrorClass {
  try {
    return classifyWithin(error, 4)
  } catch {
    // A value whose properties throw when they are read tells nothing.
    return 'transient'
  }
}

/** The SQLSTATE that a database error carries, undefined for any other value. */
export function sqlstateOf(error: unknown): string | undefined {
  const code = textProperty(error, 'code')
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return undefined
  // EPIPE and EBUSY look like one: the operating system's errors say which call failed.
  return socketCodes.has(code) || textProperty(error, 'syscall') !== undefined ? undefined : code
}

/**
 * True for a missing reference (23503). Such an error is deterministic only once nothing that could bring the
 * referenced row is still on its way (N9), so the applier treats it apart.
 */
export function isMissingReference(error: unknown): boolean {
  return sqlstateOf(error) === '23503'
}

function classifyWithin(error: unknown, depth: number): ErrorClass {
  if (isOutpostError(error)) return classifyOwn(error.code)
  const sqlstate = sqlstateOf(error)
  if (sqlstate !== undefined) return classifySqlstate(sqlstate)
  const own = classifyClient(
    textProperty(error, 'code'),
    textProperty(error, 'name'),
    textProperty(error, 'message'),
  )
  if (own !== undefined) return own
  // Several addresses were tried, or one error wraps another: what is inside tells.
  const inner = depth > 0 ? innerErrors(error).map((each) => classifyWithin(each, depth - 1)) : []
  return inner.find((each) => each !== 'transient') ?? 'transient'
}

/** Outpost's own codes that say more about waiting than their HTTP status does. */
const ownClasses: Partial<Readonly<Record<ErrorCode, ErrorClass>>> = {
  main_unreachable: 'connectivity',
  replica_unreachable: 'connectivity',
  wait_timeout: 'connectivity',
  site_stopped: 'connectivity',
  config_invalid: 'configuration',
  not_migrated: 'configuration',
  migration_changed: 'configuration',
  migration_on_replica: 'configuration',
  encoding_refused: 'configuration',
  lineage_refused: 'configuration',
  epoch_fenced: 'configuration',
}

/** HTTP statuses of the codes that blame what was sent. */
const inputStatuses: ReadonlySet<number> = new Set([400, 413, 422])

function classifyOwn(code: ErrorCode): ErrorClass {
  return ownClasses[code] ?? (inputStatuses.has(errorCodes[code].status) ? 'deterministic' : 'transient')
}

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENOTCONN',
  'ESHUTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'EPROTO',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_SOCKET_CLOSED',
  'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
  'ABORT_ERR',
])

/** Codes with which Node refuses a server's certificate, or tells that the server refused ours. */
const certificateCode =
  /^(CERT_|ERR_TLS_CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_SSL_.*ALERT)/

/** The driver and its pool say these without a code. */
const connectivityMessage =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|There was an error establishing an SSL connection|Cannot use a pool after calling end)/

const configurationMessage =
  /^(SASL: |The server does not support SSL connections|Unknown authenticationOk message)/

function classifyClient(
  code: string | undefined,
  name: string | undefined,
  message: string | undefined,
): ErrorClass | undefined {
  if (code !== undefined && socketCodes.has(code)) return 'connectivity'
  if (code !== undefined && certificateCode.test(code)) return 'configuration'
  if (name === 'AbortError' || name === 'TimeoutError') return 'connectivity'
  if (message !== undefined && connectivityMessage.test(message)) return 'connectivity'
  if (message !== undefined && configurationMessage.test(message)) return 'configuration'
  return undefined
}

function innerErrors(error: unknown): readonly unknown[] {
  if (typeof error !== 'object' || error === null) return []
  const several = 'errors' in error && Array.isArray(error.errors) ? error.errors.slice(0, 8) : []
  return 'cause' in error && error.cause !== undefined ? [...several, error.cause] : several
}

function textProperty(value: unknown, key: 'code' | 'name' | 'message' | 'syscall'): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const property = (value as Readonly<Record<string, unknown>>)[key]
  return typeof property === 'string' ? property : undefined
}
