import type { FastifyInstance, FastifySchema } from 'fastify'
import { type Clock, type Site, systemClock } from 'outpost'
import type { TSchema } from 'typebox'
import { documented } from '../documented.ts'
import { Checks } from './checks.ts'
import { KnownRows } from './known-rows.ts'

/** What every critical call needs. */
export interface RecordingContext {
  readonly app: FastifyInstance
  readonly site: Site
  readonly checks: Checks
}

export function recordingContext(
  app: FastifyInstance,
  site: Site,
  clock: Clock = systemClock,
): RecordingContext {
  return { app, site, checks: new Checks(site, new KnownRows({ clock })) }
}

/** The schema of a critical call. */
export function critical(tag: string, summary: string, body: TSchema): FastifySchema {
  return documented(tag, `${summary} (critical: recorded also while main is away)`, { body })
}

/** Time that a client sent, cut to milliseconds in UTC, so that the pending row reads like the stored one. */
export function instantOf(time: string): Date {
  return new Date(time)
}
