import { ProblemError } from 'outpost/fastify'
import { executedObsUnits, rawDataFiles as files } from '../resources/recorded-resources.ts'
import { instrumentModules } from '../resources/reference-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { bulkAnswer } from './answer-schema.ts'
import { type BulkFilesBody, bulkFilesBody, type FileBody, fileBody } from './bodies.ts'
import { allChecked, type Checks, maxLookedUp, numbered, type Verdict } from './checks.ts'
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
  app.post<{ Body: BulkFilesBody }>(`/${files.path}/bulk`, { schema: bulk }, async (request, reply) => {
    assertDistinct(request.body.files)
    const transaction = site.transaction()
    const rows = transaction.insertMany(files.table, request.body.files)
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { ids: rows.map(idOfStep), count: rows.length },
      check: () => checkFiles(checks, request.body.files),
    })
  })
}

/** What identifies a file beside its id. */
const placeOf = ({ executed_obs_unit_id, instrument_module_id, name }: FileBody) =>
  JSON.stringify([executed_obs_unit_id.toLowerCase(), instrument_module_id ?? null, name])

/** Error: `duplicate_id`, when one call names a file or an id twice. */
export function assertDistinct(bodies: readonly FileBody[]): void {
  const ids = idsOf(bodies)
  const places = bodies.filter(({ instrument_module_id }) => instrument_module_id !== undefined).map(placeOf)
  if (new Set(ids).size === ids.length && new Set(places).size === places.length) return
  throw new ProblemError(
    serviceCodes.duplicate_id,
    'One call names the same id, or the same file of a unit and module, twice.',
  )
}

async function checkFiles(checks: Checks, bodies: readonly FileBody[]): Promise<Verdict> {
  const units = new Set(bodies.map((body) => body.executed_obs_unit_id.toLowerCase()))
  const modules = new Set(bodies.flatMap((body) => body.instrument_module_id ?? []))
  return allChecked([
    checks.requireEach(executedObsUnits.table, units, (id) => checks.requireUnit(id)),
    checks.requireEach(instrumentModules.table, modules, (id) => checks.requireModule(id)),
    checks.requireNewIds(files, idsOf(bodies)),
    requireNewNames(checks, bodies),
  ])
}

/** A name is unique within a unit and module; without a module nothing forbids a second one. */
async function requireNewNames(checks: Checks, bodies: readonly FileBody[]): Promise<Verdict> {
  const named = bodies.filter(({ instrument_module_id }) => instrument_module_id !== undefined)
  if (named.length === 0) return 'checked'
  if (named.length > maxLookedUp) {
    const first = await requireNewNames(checks, named.slice(0, maxLookedUp))
    const rest = await requireNewNames(checks, named.slice(maxLookedUp))
    return first === 'checked' ? rest : first
  }
  const units = [...new Set(named.map((body) => body.executed_obs_unit_id.toLowerCase()))]
  const names = [...new Set(named.map((body) => body.name))]
  const rows = await checks.rows(
    `SELECT executed_obs_unit_id, instrument_module_id, name FROM ${files.table}
     WHERE executed_obs_unit_id IN (${numbered(1, units.length)}) AND name IN (${numbered(units.length + 1, names.length)})`,
    [...units, ...names],
  )
  if (rows === undefined) return 'shape_only'
  const taken = new Set(rows.map((row) => placeOf(row as unknown as FileBody)))
  const clash = named.find((body) => taken.has(placeOf(body)))
  if (clash === undefined) return 'checked'
  throw new ProblemError(
    'already_exists',
    `The unit ${clash.executed_obs_unit_id} has a file of this name for this module.`,
    {
      details: { name: clash.name },
    },
  )
}
