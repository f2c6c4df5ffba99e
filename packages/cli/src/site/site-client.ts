import { type ErrorCode, OutpostError } from 'outpost'

/** Where a running site answers, and who asks. */
export interface SiteAddress {
  readonly url: string
  readonly token: string | undefined
}

/** Default address of a site: `HOST`/`PORT` of `outpost serve` left as they are. */
const defaultUrl = 'http://127.0.0.1:8000'
const timeoutMs = 10_000

/** `--url` and `--token` over `OUTPOST_URL` and `OUTPOST_TOKEN` over the defaults. */
export function siteAddress(
  options: { readonly url?: string; readonly token?: string },
  env: Readonly<Record<string, string | undefined>>,
): SiteAddress {
  const url = options.url ?? env.OUTPOST_URL ?? defaultUrl
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new OutpostError('usage_invalid', `${JSON.stringify(url)} is not the http address of a site.`, {
      hint: `Give it as --url ${defaultUrl} or in OUTPOST_URL.`,
    })
  }
  return { url: url.replace(/\/+$/, ''), token: options.token ?? env.OUTPOST_TOKEN }
}

export interface SiteRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH'
  readonly body?: unknown
  /** The same key for the same request: the site then does it once, however often it is sent. */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

/**
 * One call of a site's HTTP API; resolves to the JSON that it answered. Errors: `site_unreachable`, `unauthorized`,
 * `transaction_unknown` (404), `site_refused` with the site's own message and hint.
 */
export async function callSite(site: SiteAddress, path: string, request: SiteRequest = {}): Promise<unknown> {
  const response = await fetchSite(site, path, request)
  const text = await response.text()
  const body = parseJson(text)
  if (response.ok && body !== undefined) return body
  throw refusal(site, path, response.status, body)
}

async function fetchSite(site: SiteAddress, path: string, request: SiteRequest): Promise<Response> {
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    return await fetch(`${site.url}${path}`, {
      method: request.method ?? 'GET',
      headers: {
        accept: 'application/json',
        ...(site.token === undefined ? {} : { authorization: `Bearer ${site.token}` }),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal: request.signal ? AbortSignal.any([deadline, request.signal]) : deadline,
    })
  } catch (cause) {
    const reason = deadline.aborted ? `no answer within ${timeoutMs / 1000} s` : connectionReason(cause)
    throw new OutpostError('site_unreachable', `The site at ${site.url} does not answer: ${reason}.`, {
      cause,
    })
  }
}

function connectionReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error instanceof Error ? error.message : String(error)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Told as the site tells them, with their own exit codes. */
const aboutTransactions = [
  'transaction_unknown',
  'transition_refused',
  'cone_waiting',
  'patch_invalid',
  'missing_value',
  'invalid_value',
  'unknown_column',
] as const satisfies readonly ErrorCode[]

function refusal(site: SiteAddress, path: string, status: number, body: unknown): OutpostError {
  const problem = isRecord(body) ? body : {}
  const detail = typeof problem.detail === 'string' ? problem.detail : undefined
  const hint = typeof problem.hint === 'string' ? { hint: problem.hint } : {}
  const details = { details: { status, ...(typeof problem.code === 'string' ? { code: problem.code } : {}) } }
  if (status === 401 || status === 403) {
    return new OutpostError('unauthorized', detail ?? `The site at ${site.url} refused the token.`, details)
  }
  const known = path.startsWith('/transactions/')
    ? aboutTransactions.find((code) => code === problem.code)
    : undefined
  if (known !== undefined)
    return new OutpostError(known, detail ?? 'The site refused it.', { ...hint, ...details })
  if (detail !== undefined) return new OutpostError('site_refused', detail, { ...hint, ...details })
  return new OutpostError(
    'site_refused',
    `${site.url}${path} answered ${status} without a problem document.`,
    { hint: 'Check that the address is the one of an Outpost site.', ...details },
  )
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
