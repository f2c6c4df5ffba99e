import type { TransactionState } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import { instantMs } from '../resources/column-json.ts'
import { instrumentConfigurations, executedObsUnits as units } from '../resources/recorded-resources.ts'
import { obsUnits } from '../resources/reference-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { describeTransitions } from './answer-schema.ts'
import {
  type ConfigurationBody,
  configurationBody,
  type FinishBody,
  finishBody,
  type StartBody,
  startBody,
  type UnitStatusBody,
  unitStatusBody,
} from './bodies.ts'
import type { Verdict } from './checks.ts'
import {
  canChangeUnit,
  isUnitEnd,
  isUnitState,
  type UnitState,
  unitTransitions,
} from './executed-unit-state.ts'
import { idOfStep, uuidOf } from './ids.ts'
import { record } from './record.ts'
import { critical, instantOf, type RecordingContext } from './recording-context.ts'
import { seenOf } from './seen.ts'

const transitionsInWords = describeTransitions(unitTransitions)

/** Starting, pausing, finishing and configuring an executed unit. */
export function executedUnitRoutes(context: RecordingContext): void {
  startRoute(context)
  finishRoute(context)
  statusRoute(context)
  configurationRoute(context)
}

function startRoute({ app, site, checks }: RecordingContext): void {
  const schema = critical({
    tag: units.path,
    summary: 'Start an executed unit',
    body: startBody,
    status: 201,
  })
  app.post<{ Body: StartBody }>(`/${units.path}/start`, { schema }, async (request, reply) => {
    const { start_time, ...values } = request.body
    const transaction = site.transaction()
    const started = transaction.insert(units.table, {
      ...values,
      status: 'running',
      start_time: start_time === undefined ? new Date(transaction.nowMs) : instantOf(start_time),
    })
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id: idOfStep(started), status: 'running' },
      check: () =>
        checks.requireReference(
          obsUnits.table,
          values.obs_unit_id,
          serviceCodes.unknown_obs_unit,
          'The observing unit',
        ),
    })
  })
}

interface Change {
  readonly status: UnitState
  readonly end: Date | undefined
  readonly notes: string | undefined
}

function finishRoute(context: RecordingContext): void {
  const schema = critical({
    tag: units.path,
    summary: 'Finish an executed unit',
    body: finishBody,
    status: 200,
    description: transitionsInWords,
  })
  context.app.put<{ Params: { id: string }; Body: FinishBody }>(
    `/${units.path}/:id/finish`,
    { schema },
    (request, reply) => {
      const { status = 'completed', end_time, notes } = request.body
      const end = end_time === undefined ? undefined : instantOf(end_time)
      return changeUnit(context, request, reply, { status, end, notes })
    },
  )
}

function statusRoute(context: RecordingContext): void {
  const schema = critical({
    tag: units.path,
    summary: 'Change the status of an executed unit',
    body: unitStatusBody,
    status: 200,
    description: transitionsInWords,
  })
  context.app.put<{ Params: { id: string }; Body: UnitStatusBody }>(
    `/${units.path}/:id/status`,
    { schema },
    (request, reply) =>
      changeUnit(context, request, reply, {
        status: request.body.status,
        end: undefined,
        notes: request.body.notes,
      }),
  )
}

type Request = Parameters<typeof record>[1] & { readonly params: { readonly id: string } }

/**
 * An end that the client leaves to the site is never before the start: the clock may have been set back since, or the
 * start is of a clock that goes ahead of this one. Such a unit ends when it starts.
 */
async function changeUnit(
  context: RecordingContext,
  request: Request,
  reply: Parameters<typeof record>[2],
  change: Change,
) {
  try {
    return await recordChange(context, request, reply, change)
  } catch (error) {
    const isEarly = error instanceof ProblemError && error.problem.code === serviceCodes.end_before_start.code
    if (!isEarly || change.end !== undefined) throw error
    const end = new Date(String(error.problem.details?.start_time))
    return await recordChange(context, request, reply, { ...change, end })
  }
}

async function recordChange(
  { site, checks }: RecordingContext,
  request: Request,
  reply: Parameters<typeof record>[2],
  change: Change,
) {
  const id = uuidOf(request.params.id, units)
  const seen = await seenOf({ site, checks }, units, id, ['status'])
  const transaction = site.transaction()
  const end = isUnitEnd(change.status) ? (change.end ?? new Date(transaction.nowMs)) : undefined
  transaction.update(units.table, { id }, { status: change.status, end_time: end, notes: change.notes }, seen)
  return record(site, request, reply, {
    transaction,
    status: 200,
    body: { id, status: change.status },
    check: async (): Promise<Verdict> => {
      // What this site recorded itself is known whether or not a database answers in time.
      const pending = await site.pendingRow(units.table, { id })
      if (pending?.row.status && isInForce(pending.state)) assertUnitChange(pending.row, change.status, end)
      const row = await checks.present(units, id)
      if (row !== undefined) {
        assertUnitChange(row, change.status, end)
        return 'checked'
      }
      // Nobody could look. Others may have moved the unit on since this site did, but not out of an end.
      const own = await site.recentChanges(units.table, { id })
      if (isUnitState(own?.status) && isUnitEnd(own.status)) assertUnitChange(own, change.status, end)
      return 'shape_only'
    },
  })
}

/** A refused change is no ground for refusing the next one. */
function isInForce(state: TransactionState): boolean {
  return state !== 'rejected' && state !== 'parked'
}

/** Errors: `state_conflict`, `end_before_start`. */
export function assertUnitChange(
  row: Readonly<Record<string, string | null>>,
  to: UnitState,
  end: Date | undefined,
): void {
  const from = row.status
  if (isUnitState(from) && !canChangeUnit(from, to)) {
    const allowed = unitTransitions[from].join(', ') || 'nothing: it has ended'
    throw new ProblemError(
      serviceCodes.state_conflict,
      `The executed unit is ${from} and cannot become ${to}; allowed: ${allowed}.`,
      {
        details: { status: from, allowed: unitTransitions[from] },
      },
    )
  }
  const start = instantMs(row.start_time ?? '')
  if (end !== undefined && end.getTime() < start) {
    const start_time = new Date(start).toISOString()
    throw new ProblemError(
      serviceCodes.end_before_start,
      `The end ${end.toISOString()} lies before the start ${start_time}.`,
      { details: { start_time } },
    )
  }
}

function configurationRoute({ app, site, checks }: RecordingContext): void {
  const path = `/${units.path}/:id/instrument_configurations`
  const schema = critical({
    tag: units.path,
    summary: 'Record an instrument configuration of an executed unit',
    body: configurationBody,
    status: 201,
  })
  app.post<{ Params: { id: string }; Body: ConfigurationBody }>(path, { schema }, async (request, reply) => {
    const unitId = uuidOf(request.params.id, units)
    const { id, instrument_module_id, parameters, valid_from } = request.body
    const transaction = site.transaction()
    const inserted = transaction.insert(instrumentConfigurations.table, {
      id,
      executed_obs_unit_id: unitId,
      instrument_module_id,
      parameters,
      valid_from: valid_from === undefined ? new Date(transaction.nowMs) : instantOf(valid_from),
    })
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id: idOfStep(inserted), status: 'recorded' },
      check: async () => {
        const unit = await checks.present(units, unitId)
        const module = await checks.requireModule(instrument_module_id)
        return unit === undefined ? 'shape_only' : module
      },
    })
  })
}
