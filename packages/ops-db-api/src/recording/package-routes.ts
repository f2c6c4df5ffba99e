import { ProblemError } from 'outpost/fastify'
import {
  executedObsUnits,
  rawDataFiles as files,
  rawDataPackages as packages,
} from '../resources/recorded-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { finalizedAnswer } from './answer-schema.ts'
import { finalizeBody, type PackageBody, packageBody } from './bodies.ts'
import { allChecked, type Checks, type Verdict } from './checks.ts'
import { idOfStep, uuidOf } from './ids.ts'
import { assertFinalizable, contentOf, type PackageContent } from './package-content.ts'
import { record } from './record.ts'
import { critical, type RecordingContext } from './recording-context.ts'
import { seenOf } from './seen.ts'

/** Making a package and finalizing it. */
export function packageRoutes(context: RecordingContext): void {
  createRoute(context)
  finalizeRoute(context)
}

function createRoute({ app, site, checks }: RecordingContext): void {
  const schema = critical({
    tag: packages.path,
    summary: 'Make a package of an executed unit',
    body: packageBody,
    status: 201,
  })
  app.post<{ Body: PackageBody }>(`/${packages.path}`, { schema }, async (request, reply) => {
    const { file_ids = [], ...values } = request.body
    const fileIds = [...new Set(file_ids.map((id) => id.toLowerCase()))]
    const transaction = site.transaction()
    const made = transaction.insert(packages.table, { ...values, state: 'waiting' })
    const id = idOfStep(made)
    for (const fileId of fileIds) transaction.update(files.table, { id: fileId }, { raw_data_package_id: id })
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id, status: 'waiting' },
      check: () =>
        allChecked([
          checks.requireRecorded(executedObsUnits, values.executed_obs_unit_id.toLowerCase()),
          checks.requireModule(values.instrument_module_id),
          requireFreeFiles(checks, values.executed_obs_unit_id.toLowerCase(), fileIds),
        ]),
    })
  })
}

/** Files of this unit that lie in no package. Errors: `unknown_reference`, `file_in_package`. */
async function requireFreeFiles(
  checks: Checks,
  unitId: string,
  fileIds: readonly string[],
): Promise<Verdict> {
  if (fileIds.length === 0) return 'checked'
  const rows = await checks.rows(
    `SELECT id, raw_data_package_id FROM ${files.table} WHERE executed_obs_unit_id = $1`,
    [unitId],
  )
  if (rows === undefined) return 'shape_only'
  const packageOf = new Map(rows.map((row) => [String(row.id), row.raw_data_package_id]))
  const unknown = fileIds.find((id) => !packageOf.has(id))
  if (unknown !== undefined)
    throw new ProblemError('unknown_reference', `The unit ${unitId} has no file with id ${unknown}.`)
  const taken = fileIds.find((id) => packageOf.get(id) !== null)
  if (taken !== undefined)
    throw new ProblemError(serviceCodes.file_in_package, `The file ${taken} lies in another package.`)
  return 'checked'
}

/** Tries to see the same content before and inside the critical section. */
const finalizeAttempts = 3

function finalizeRoute(context: RecordingContext): void {
  const schema = critical({
    tag: packages.path,
    summary: 'Finalize a package: its size is the sum of its files',
    body: finalizeBody,
    status: 200,
    answer: finalizedAnswer,
  })
  context.app.put<{ Params: { id: string } }>(
    `/${packages.path}/:id/finalize`,
    { schema },
    async (request, reply) => {
      const id = uuidOf(request.params.id, packages)
      for (let attempt = 1; ; attempt++) {
        const before = await contentOf(context.checks, id)
        const seen = await seenOf(context, packages, id, ['state', 'finalized_at'])
        try {
          return await record(context.site, request, reply, finalizing(context, id, before, seen))
        } catch (error) {
          if (!(error instanceof ContentChanged)) throw error
          if (attempt === finalizeAttempts) {
            throw new ProblemError(
              serviceCodes.state_conflict,
              `The files of the package ${id} keep changing.`,
            )
          }
        }
      }
    },
  )
}

class ContentChanged extends Error {}

function finalizing(
  { site, checks }: RecordingContext,
  id: string,
  before: PackageContent | undefined,
  seen: Awaited<ReturnType<typeof seenOf>>,
) {
  const transaction = site.transaction()
  transaction.update(
    packages.table,
    { id },
    {
      finalized_at: new Date(transaction.nowMs),
      size_bytes: before?.sizeBytes,
      file_count: before?.fileCount,
    },
    seen,
  )
  for (const fileId of before?.looseFileIds ?? []) {
    transaction.update(files.table, { id: fileId }, { raw_data_package_id: id })
  }
  const size = before === undefined ? {} : { size_bytes: before.sizeBytes, file_count: before.fileCount }
  return {
    transaction,
    status: 200 as const,
    body: { id, status: 'waiting', ...size },
    check: async (): Promise<Verdict> => {
      const row = await checks.present(packages, id)
      if (row === undefined) {
        // Nobody could look; what this site finalized stays so.
        const own = await site.recentChanges(packages.table, { id })
        assertFinalizable({ id, finalized_at: own?.finalized_at }, undefined)
        return 'shape_only'
      }
      assertFinalizable(row, before)
      if (before === undefined) return 'shape_only'
      const now = await contentOf(checks, id)
      if (now !== undefined && now.fingerprint !== before.fingerprint) throw new ContentChanged()
      return now === undefined ? 'shape_only' : 'checked'
    },
  }
}
