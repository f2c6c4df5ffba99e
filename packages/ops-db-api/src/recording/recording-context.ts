import type { FastifyInstance, FastifySchema } from 'fastify'
import { type Clock, type Site, systemClock } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import type { TSchema } from 'typebox'
import { documented, writeHeaders } from '../documented.ts'
import { recordedAnswer } from './answer-schema.ts'
import { Checks } from './checks.ts'
import { KnownRows } from './known-rows.ts'
import { Looks } from './looks.ts'

/** What every critical call needs. */
export interface RecordingContext {
  readonly app: FastifyInstance
  readonly site: Site
  readonly looks: Looks
  readonly checks: Checks
}

export interface RecordingOptions {
  /** How long a check may look; default 50 ms. */
  readonly checkBudgetMs?: number
  readonly clock?: Clock
  /** Told why a check could not be made. */
  readonly onCheckFailed?: (error: unknown) => void
}

export function recordingContext(
  app: FastifyInstance,
  site: Site,
  { checkBudgetMs, clock = systemClock, onCheckFailed }: RecordingOptions = {},
): RecordingContext {
  const looks = new Looks(site, checkBudgetMs, onCheckFailed)
  return { app, site, looks, checks: new Checks(site, looks, new KnownRows({ clock })) }
}

export interface CriticalCall {
  readonly tag: string
  readonly summary: string
  readonly body: TSchema
  readonly status: 200 | 201
  readonly answer?: TSchema
  readonly description?: string
}

/** The schema of a critical call. */
export function critical({
  tag,
  summary,
  body,
  status,
  answer = recordedAnswer,
  description,
}: CriticalCall): FastifySchema {
  const schema = {
    body,
    headers: writeHeaders,
    response: { [status]: answer },
    'x-critical': true,
    ...(description === undefined ? {} : { description }),
  }
  return documented(tag, `${summary} (critical: recorded also while main is away)`, schema)
}

/** Time that a client sent, cut to milliseconds in UTC, so that the pending row reads like the stored one. */
export function instantOf(time: string): Date {
  const instant = new Date(time)
  const year = instant.getUTCFullYear()
  // Beyond these years dates are written in more digits, which lists and other programs do not read back.
  if (year >= 1 && year <= 9_999) return instant
  throw new ProblemError('invalid_value', `The time ${time} lies outside the years 1 to 9999 (UTC).`)
}
