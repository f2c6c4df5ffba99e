import { bandwidthProblem, roundTripProblem } from './conditions.ts'
import { type ControlProblemCode, controlProblem } from './control-problems.ts'
import type { ForwardState } from './forward.ts'
import type { Link } from './link.ts'

export interface ControlAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  /** Methods that the path takes, when another was used. */
  readonly allow?: string
}

type Status = (() => Readonly<Record<string, unknown>>) | undefined

/** What is wrong with a call's parameters; undefined when the action was done. */
type Action = (link: Link, parameters: URLSearchParams) => string | undefined

const plain =
  (act: (link: Link) => void): Action =>
  (link, parameters) => {
    const problem = unexpected(parameters, [])
    if (problem === undefined) act(link)
    return problem
  }

const actions: Readonly<Record<string, Action>> = {
  '/cut': plain((link) => link.cut()),
  '/restore': plain((link) => link.restore()),
  '/half-open': plain((link) => link.halfOpen()),
  '/delay': (link, parameters) => {
    const ms = numberIn(parameters, 'ms')
    const problem = unexpected(parameters, ['ms']) ?? roundTripProblem(ms ?? Number.NaN)
    if (problem === undefined) link.delay(ms!)
    return problem
  },
  '/bandwidth': (link, parameters) => {
    const given = numberIn(parameters, 'bytes_per_s')
    const bytesPerSecond = given === undefined || given === 0 ? null : given
    const problem = unexpected(parameters, ['bytes_per_s']) ?? bandwidthProblem(bytesPerSecond)
    if (problem === undefined) link.bandwidth(bytesPerSecond)
    return problem
  },
}

/** The answer to one call: does what it asks for, or says why not. */
export function answer(link: Link, method: string, target: string, status: Status): ControlAnswer {
  const url = parseTarget(target)
  if (url === undefined) return problem('bad_request', 'The path cannot be read.')
  if (url.pathname === '/') {
    if (method !== 'GET' && method !== 'HEAD') return wrongMethod('GET, HEAD')
    return report(link, status)
  }
  const action = Object.hasOwn(actions, url.pathname) ? actions[url.pathname] : undefined
  if (action === undefined) {
    const known = Object.keys(actions).join(', ')
    return problem('not_found', `There is no ${url.pathname.slice(0, 200)}. There are / and ${known}.`)
  }
  if (method !== 'POST') return wrongMethod('POST')
  const wrong = action(link, url.searchParams)
  return wrong === undefined ? report(link, status) : problem('bad_request', wrong)
}

function report(link: Link, status: Status): ControlAnswer {
  const { mode, roundTripMs, bytesPerSecond, forwards } = link.state()
  const shown = Object.entries(forwards).map(([name, forward]) => [name, renderForward(forward)] as const)
  return {
    status: 200,
    body: {
      state: mode,
      delay_ms: roundTripMs,
      bandwidth_bytes_per_s: bytesPerSecond,
      forwards: Object.fromEntries(shown),
      ...status?.(),
    },
  }
}

function renderForward(forward: ForwardState): Readonly<Record<string, unknown>> {
  return {
    listen: `${forward.listen.host}:${forward.listen.port}`,
    target: `${forward.target.host}:${forward.target.port}`,
    connections: {
      open: forward.openConnections,
      total: forward.totalConnections,
      refused: forward.refusedConnections,
    },
    bytes: {
      to_target: forward.bytesToTarget,
      to_client: forward.bytesToClient,
      buffered: forward.bufferedBytes,
    },
  }
}

function wrongMethod(allow: string): ControlAnswer {
  return { ...problem('method_not_allowed', `The path takes ${allow}.`), allow }
}

function problem(code: ControlProblemCode, detail: string): ControlAnswer {
  const document = controlProblem(code, detail)
  return { status: document.status, body: { ...document } }
}

function parseTarget(target: string): URL | undefined {
  try {
    return new URL(target, 'http://link')
  } catch {
    return undefined
  }
}

function unexpected(parameters: URLSearchParams, known: readonly string[]): string | undefined {
  for (const name of parameters.keys()) {
    if (!known.includes(name)) return `There is no parameter ${shown(name)}.`
    if (parameters.getAll(name).length > 1) return `The parameter ${shown(name)} is given twice.`
  }
  return undefined
}

/** NaN for what is not a plain decimal number, undefined for what is not there. */
function numberIn(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name)
  if (text === null || text === '') return undefined
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
}

/** A name from outside, bounded before it is repeated. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 64))
}
