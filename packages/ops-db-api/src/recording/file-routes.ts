import { ProblemError } from 'outpost/fastify'
import { executedObsUnits, rawDataFiles as files } from '../resources/recorded-resources.ts'
import { instrumentModules } from '../resources/reference-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { bulkAnswer } from './answer-schema.ts'
import { type BulkFilesBody, bulkFilesBody, type FileBody, fileBody, maxBulkValues } from './bodies.ts'
import { allChecked, type Checks, maxLookedUp, numbered, type Verdict } from './checks.ts'
import { idOfStep, idsOf } from './ids.ts'
import type { Selection } from './looks.ts'
import { record } from './record.ts'
import { critical, type RecordingContext } from './recording-context.ts'

/** Registering files, one by one or many in one transaction. */
export function fileRoutes({ app, site, looks, checks }: RecordingContext): void {
  const findGathered = looks.gathered(filesAt)
  const findOne: FindFiles = ([place]) => findGathered(place!)
  const findMany: FindFiles = (places) => {
    const { sql, values } = filesAt(places)
    return looks.rows(sql, values)
  }
  const single = critical({ tag: files.path, summary: 'Register a file', body: fileBody, status: 201 })
  app.post<{ Body: FileBody }>(`/${files.path}`, { schema: single }, async (request, reply) => {
    const transaction = site.transaction()
    const file = transaction.insert(files.table, request.body)
    return record(site, request, reply, {
      transaction,
      status: 201,
      body: { id: idOfStep(file), status: 'registered' },
      check: () => checkFiles(checks, findOne, [request.body]),
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
        check: () => checkFiles(checks, findMany, request.body.files),
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

async function checkFiles(checks: Checks, find: FindFiles, bodies: readonly FileBody[]): Promise<Verdict> {
  const units = new Set(bodies.map((body) => body.executed_obs_unit_id.toLowerCase()))
  const modules = new Set(bodies.flatMap((body) => body.instrument_module_id ?? []))
  return allChecked([
    checks.requireEach(executedObsUnits.table, units, (id) => checks.requireUnit(id)),
    checks.requireEach(instrumentModules.table, modules, (id) => checks.requireModule(id)),
    checks.requireNewIds(files, idsOf(bodies)),
    requireNewNames(find, bodies),
  ])
}

/** What main's unique key says of a file: it binds those of a module only. */
interface Place {
  readonly unit: string
  readonly module: number
  readonly name: string
}

type FindFiles = (places: readonly Place[]) => Promise<readonly Record<string, unknown>[] | undefined>

/**
 * Files of these units and modules with these names; the caller picks the places that it asked for. Lists, and not
 * arrays, in few lengths: then PostgreSQL keeps one plan for each, where it would plan an array anew every time.
 */
function filesAt(places: readonly Place[]): Selection {
  const units = distinct(places.map(({ unit }) => unit))
  const modules = distinct(places.map(({ module }) => module))
  const names = distinct(places.map(({ name }) => name))
  const length = 2 ** Math.ceil(Math.log2(Math.max(units.length, modules.length, names.length)))
  return {
    sql: `SELECT executed_obs_unit_id, instrument_module_id, name FROM ${files.table}
     WHERE executed_obs_unit_id IN (${numbered(1, length)})
     AND instrument_module_id IN (${numbered(1 + length, length)})
     AND name IN (${numbered(1 + 2 * length, length)})`,
    values: [units, modules, names].flatMap((values) => padded(values, length)),
  }
}

function distinct<Value>(values: readonly Value[]): readonly Value[] {
  return [...new Set(values)]
}

/** The first value again in the places that are left. */
function padded(values: readonly unknown[], length: number): readonly unknown[] {
  return Array.from({ length }, (_none, index) => values[index] ?? values[0])
}

/** A name is unique within a unit and module; without a module nothing forbids a second one. */
async function requireNewNames(find: FindFiles, bodies: readonly FileBody[]): Promise<Verdict> {
  const places = bodies.flatMap((body) => placeOf(body) ?? [])
  if (places.length === 0) return 'checked'
  if (places.length > maxLookedUp) {
    const first = await requireNewNames(find, bodies.slice(0, bodies.length / 2))
    const rest = await requireNewNames(find, bodies.slice(bodies.length / 2))
    return first === 'checked' ? rest : first
  }
  const rows = await find(places)
  if (rows === undefined) return 'shape_only'
  const taken = new Set(rows.map((row) => keyOfPlace(placeOf(row as unknown as FileBody)!)))
  const clash = places.find((place) => taken.has(keyOfPlace(place)))
  if (clash === undefined) return 'checked'
  throw new ProblemError(
    'already_exists',
    `The unit ${clash.unit} has a file of this name for this module.`,
    {
      details: { name: clash.name },
    },
  )
}
