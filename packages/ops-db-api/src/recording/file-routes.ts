import { ProblemError } from 'outpost/fastify'
import { executedObsUnits, rawDataFiles as files } from '../resources/recorded-resources.ts'
import { instrumentModules } from '../resources/reference-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { bulkAnswer } from './answer-schema.ts'
import { type BulkFilesBody, bulkFilesBody, type FileBody, fileBody, maxBulkValues } from './bodies.ts'
import { allChecked, type Checks, type Verdict } from './checks.ts'
import { idOfStep, idsOf } from './ids.ts'
import { record } from './record.ts'
import { critical, type RecordingContext } from './recording-context.ts'

/** Registering files, one by one or many in one transaction. */
export function fileRoutes({ app, site, checks }: RecordingContext): void {
  const single = critical({ tag: files.path, summary: 'Register a file', body: fileBody, status: 201 })
  app.post<{ Body: FileBody }>(`/${files.path}`, { schema: single }, async (request, reply) => {
    const transaction = site.transaction()
    const file = transaction.insert(files.table, request.body)
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id: idOfStep(file), status: 'registered' },
      check: () => checkFiles(checks, [request.body]),
    })
  })

  const bulk = critical({
    tag: files.path,
    summary: 'Register up to 10,000 files in one transaction',
    body: bulkFilesBody,
    status: 201,
    answer: bulkAnswer,
  })
  const config = { maxBodyValues: maxBulkValues }
  app.post<{ Body: BulkFilesBody }>(
    `/${files.path}/bulk`,
    { schema: bulk, config },
    async (request, reply) => {
      assertDistinct(request.body.files)
      const transaction = site.transaction()
      const rows = transaction.insertMany(files.table, request.body.files)
      return record(site, request, reply, {
        transaction,
        status: 201,
        body: { ids: rows.map(idOfStep), count: rows.length },
        check: () => checkFiles(checks, request.body.files),
      })
    },
  )
}

/** Error: `duplicate_id`, when one call names a file or an id twice. */
function assertDistinct(bodies: readonly FileBody[]): void {
  const ids = idsOf(bodies)
  const places = bodies.flatMap((body) => placeOf(body) ?? []).map(keyOfPlace)
  if (new Set(ids).size === ids.length && new Set(places).size === places.length) return
  throw new ProblemError(
    serviceCodes.duplicate_id,
    'One call names the same id, or the same file of a unit and module, twice.',
  )
}

function placeOf({ executed_obs_unit_id, instrument_module_id, name }: FileBody): Place | undefined {
  if (instrument_module_id === undefined) return undefined
  return { unit: executed_obs_unit_id.toLowerCase(), module: instrument_module_id, name }
}

function keyOfPlace({ unit, module, name }: Place): string {
  return JSON.stringify([unit, module, name])
}

async function checkFiles(checks: Checks, bodies: readonly FileBody[]): Promise<Verdict> {
  const units = new Set(bodies.map((body) => body.executed_obs_unit_id.toLowerCase()))
  const modules = new Set(bodies.flatMap((body) => body.instrument_module_id ?? []))
  return allChecked([
    checks.requireEach(executedObsUnits.table, units, (id) => checks.requireUnit(id)),
    checks.requireEach(instrumentModules.table, modules, (id) => checks.requireModule(id)),
  ])
}

/** What main's unique key says of a file: it binds those of a module only. */
interface Place {
  readonly unit: string
  readonly module: number
  readonly name: string
}
