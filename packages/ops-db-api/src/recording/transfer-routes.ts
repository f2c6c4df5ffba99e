import { ProblemError } from 'outpost/fastify'
import { rawDataPackages as packages, dataTransfers as transfers } from '../resources/recorded-resources.ts'
import { dataLocations } from '../resources/reference-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { describeTransitions } from './answer-schema.ts'
import { type TransferBody, type TransferStatusBody, transferBody, transferStatusBody } from './bodies.ts'
import { allChecked, type Verdict } from './checks.ts'
import { idOfStep, uuidOf } from './ids.ts'
import { record } from './record.ts'
import { critical, type RecordingContext } from './recording-context.ts'
import { seenOf } from './seen.ts'
import {
  canChangeTransfer,
  isTransferEnd,
  isTransferState,
  packageStateAfter,
  type TransferState,
  transferTransitions,
} from './transfer-state.ts'

const transitionsInWords = describeTransitions(transferTransitions)

/** Transfers of packages between data locations. */
export function transferRoutes(context: RecordingContext): void {
  createRoute(context)
  statusRoute(context)
}

function createRoute({ app, site, checks }: RecordingContext): void {
  const schema = critical({
    tag: transfers.path,
    summary: 'Plan a transfer of a package',
    body: transferBody,
    status: 201,
  })
  app.post<{ Body: TransferBody }>(`/${transfers.path}`, { schema }, async (request, reply) => {
    const { raw_data_package_id, origin_id, destination_id } = request.body
    if (origin_id === destination_id) {
      throw new ProblemError(
        serviceCodes.same_place,
        `Origin and destination are both the data location ${origin_id}.`,
      )
    }
    const transaction = site.transaction()
    const planned = transaction.insert(transfers.table, { ...request.body, status: 'pending' })
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id: idOfStep(planned), status: 'pending' },
      check: () =>
        allChecked([
          checks.requireRecorded(packages, raw_data_package_id.toLowerCase()),
          checks.requireReference(dataLocations.table, origin_id, 'unknown_reference', 'The data location'),
          checks.requireReference(
            dataLocations.table,
            destination_id,
            'unknown_reference',
            'The data location',
          ),
        ]),
    })
  })
}

function statusRoute({ app, site, looks, checks }: RecordingContext): void {
  const schema = critical({
    tag: transfers.path,
    summary: 'Report the status of a transfer',
    body: transferStatusBody,
    status: 200,
    description: transitionsInWords,
  })
  const path = `/${transfers.path}/:id/status`
  app.put<{ Params: { id: string }; Body: TransferStatusBody }>(path, { schema }, async (request, reply) => {
    const id = uuidOf(request.params.id, transfers)
    const { status, bytes } = request.body
    const known = await looks.row(transfers.table, id)
    const seen = await seenOf({ site, checks }, transfers, id, ['status'])
    const transaction = site.transaction()
    const now = new Date(transaction.nowMs)
    transaction.update(transfers.table, { id }, { status, bytes, ...timesOf(status, now) }, seen)
    // The package follows its transfer in the same transaction, where the site knows which package it is.
    if (known.kind === 'present') {
      transaction.update(
        packages.table,
        { id: known.row.raw_data_package_id },
        { state: packageStateAfter[status] },
        await seenOf({ site, checks }, packages, String(known.row.raw_data_package_id), ['state']),
      )
    }
    return record(site, request, reply, {
      transaction,
      status: 200,
      body: { id, status },
      check: async (): Promise<Verdict> => {
        const row = await checks.present(transfers, id)
        if (row !== undefined) {
          assertTransferChange(row.status, status)
          return 'checked'
        }
        // Nobody could look. Others may have moved the transfer on since this site did, but not out of an end.
        const own = await site.recentChanges(transfers.table, { id })
        if (isTransferEnd(own?.status)) assertTransferChange(own?.status, status)
        return 'shape_only'
      },
    })
  })
}

function timesOf(status: TransferState, now: Date): Readonly<Record<string, Date | null>> {
  switch (status) {
    case 'pending':
      return { started_at: null, finished_at: null }
    case 'running':
      return { started_at: now, finished_at: null }
    case 'completed':
    case 'failed':
      return { finished_at: now }
  }
}

/** Error: `state_conflict`. */
function assertTransferChange(from: unknown, to: TransferState): void {
  if (!isTransferState(from) || canChangeTransfer(from, to)) return
  const allowed = transferTransitions[from].join(', ') || 'nothing: it is complete'
  throw new ProblemError(
    serviceCodes.state_conflict,
    `The transfer is ${from} and cannot become ${to}; allowed: ${allowed}.`,
    {
      details: { status: from, allowed: transferTransitions[from] },
    },
  )
}
