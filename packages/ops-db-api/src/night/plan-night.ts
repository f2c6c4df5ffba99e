import { planSchedule, type ScheduledUnit, type UnitKind } from './plan-schedule.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** Answers of earlier steps by the step's `as`. */
export type NightAnswers = Readonly<
  Record<string, { readonly id?: string; readonly ids?: readonly string[] }>
>

/** One HTTP call of the night. Path and body may need ids from earlier answers. */
export interface NightStep {
  /** When the call belongs, milliseconds since 1970; a replay may compress the time between. */
  readonly atMs: number
  readonly method: 'POST' | 'PUT'
  readonly path: (answers: NightAnswers) => string
  readonly body: (answers: NightAnswers) => Readonly<Record<string, unknown>>
  /** Name under which the answer is kept for later steps. */
  readonly as?: string
  /** Sent as Idempotency-Key: the same for the same seed and sunset, so that a replay can be repeated. */
  readonly idempotencyKey: string
  /** One line for people. */
  readonly label: string
}

/** The reference rows that the night uses, as the API lists them. */
export interface NightReference {
  readonly units: readonly {
    readonly id: number
    readonly name: string
    readonly kind: string
    readonly instrument_id: number
  }[]
  readonly modules: readonly { readonly id: number; readonly name: string; readonly instrument_id: number }[]
  readonly locations: readonly { readonly id: number; readonly name: string }[]
}

export interface NightOptions extends NightReference {
  readonly seed: number
  /** Sunset, milliseconds since 1970. Default: 2026-04-15 22:25 UTC, and sunrise 11 hours and 40 minutes later. */
  readonly sunsetMs?: number
  readonly sunriseMs?: number
}

const defaultSunsetMs = Date.UTC(2026, 3, 15, 22, 25)
const defaultNightMs = 11 * 3_600_000 + 40 * 60_000
const minuteMs = 60_000

/** A realistic night as a list of calls, the same for the same seed: about 60 executed units and 2,000 files. */
export function planNight(options: NightOptions): readonly NightStep[] {
  const { seed, sunsetMs = defaultSunsetMs, sunriseMs = sunsetMs + defaultNightMs } = options
  const random = seededRandom(seed)
  // The same night has the same keys; another date with the same seed is another night.
  const key = `night-${seed}-${sunsetMs}`
  const schedule = planSchedule(random, sunsetMs, sunriseMs)
  const steps = schedule.flatMap((scheduled, index) =>
    stepsOfUnit(scheduled, `u${index + 1}`, options, random),
  )
  return steps.map((step, index) => ({ ...step, idempotencyKey: `${key}-${index}` }))
}

type Step = Omit<NightStep, 'idempotencyKey'>

interface UnitPlan {
  readonly as: string
  readonly scheduled: ScheduledUnit
  readonly unit: NightReference['units'][number]
  readonly modules: NightReference['modules']
  readonly random: SeededRandom
}

function stepsOfUnit(
  scheduled: ScheduledUnit,
  as: string,
  reference: NightReference,
  random: SeededRandom,
): readonly Step[] {
  const unit = random.pick(reference.units.filter(({ kind }) => kind === scheduled.kind))
  const plan: UnitPlan = {
    as,
    scheduled,
    unit,
    modules: modulesInUse(reference, unit.instrument_id, random),
    random,
  }
  return [
    startStep(plan),
    ...plan.modules.map((module) => configurationStep(plan, module)),
    ...plan.modules.map((module) => filesStep(plan, module)),
    finishStep(plan),
    ...plan.modules.flatMap((module) => packageSteps(plan, module, reference)),
  ]
}

/** Prime-Cam observes with up to seven modules, mostly few of them; CHAI with both. */
function modulesInUse(
  reference: NightReference,
  instrumentId: number,
  random: SeededRandom,
): NightReference['modules'] {
  const own = reference.modules.filter((module) => module.instrument_id === instrumentId)
  const count = own.length <= 2 ? own.length : random.pick([2, 3, 3, 4, 4, 5, 7])
  return own.slice(0, count)
}

function startStep({ as, scheduled, unit, random }: UnitPlan): Step {
  const body = {
    obs_unit_id: unit.id,
    start_time: new Date(scheduled.startMs).toISOString(),
    mean_elevation: random.whole(300, 780) / 10,
    pwv_mm: random.whole(25, 140) / 100,
  }
  return {
    atMs: scheduled.startMs,
    method: 'POST',
    path: () => '/executed_obs_units/start',
    body: () => body,
    as,
    label: `start ${unit.name}`,
  }
}

function configurationStep(
  { as, scheduled, random }: UnitPlan,
  module: NightReference['modules'][number],
): Step {
  const body = {
    instrument_module_id: module.id,
    valid_from: new Date(scheduled.startMs).toISOString(),
    parameters: {
      bias_mv: random.whole(800, 2_400) / 1_000,
      sample_rate_hz: random.pick([244, 488]),
      ...scanOf(scheduled.kind),
    },
  }
  return {
    atMs: scheduled.startMs,
    method: 'POST',
    path: (answers) => `/executed_obs_units/${idOf(answers, as)}/instrument_configurations`,
    body: () => body,
    label: `configure ${module.name}`,
  }
}

function scanOf(kind: UnitKind): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'science':
      return { scan: 'pong', velocity_deg_s: 0.5 }
    case 'skydip':
      return { scan: 'constant_el', elevations_deg: [20, 30, 45, 60, 90] }
    case 'pointing':
    case 'focus':
    case 'planet':
      return { scan: 'daisy', velocity_deg_s: 0.3 }
  }
}

function filesStep({ as, scheduled, random }: UnitPlan, module: NightReference['modules'][number]): Step {
  const minutes = Math.max(1, Math.floor((scheduled.endMs - scheduled.startMs) / minuteMs))
  // A package holds at most 50 GB, so the files of a long scan are smaller.
  const largestMb = Math.min(2_000, Math.floor(48_000 / minutes))
  const files = Array.from({ length: minutes }, (_none, minute) => {
    const stamp = new Date(scheduled.startMs + minute * minuteMs)
      .toISOString()
      .slice(0, 19)
      .replaceAll(':', '')
    return {
      name: `${module.name}_${stamp}.fits`,
      instrument_module_id: module.id,
      relative_path: `${stamp.slice(0, 10)}/${module.name}`,
      size_bytes: random.whole(50, largestMb) * 1_000_000 + random.whole(0, 999_999),
      checksum: random.uuid().replaceAll('-', ''),
      file_type: 'fits',
    }
  })
  return {
    atMs: scheduled.endMs,
    method: 'POST',
    path: () => '/raw_data_files/bulk',
    body: (answers) => ({
      files: files.map((file) => ({ ...file, executed_obs_unit_id: idOf(answers, as) })),
    }),
    as: `${as}.${module.name}.files`,
    label: `${files.length} files of ${module.name}`,
  }
}

function finishStep({ as, scheduled, unit, random }: UnitPlan): Step {
  const status = scheduled.kind === 'science' && random.next() < 0.05 ? 'aborted' : 'completed'
  const body = { status, end_time: new Date(scheduled.endMs).toISOString() }
  return {
    atMs: scheduled.endMs,
    method: 'PUT',
    path: (answers) => `/executed_obs_units/${idOf(answers, as)}/finish`,
    body: () => body,
    label: `finish ${unit.name} (${status})`,
  }
}

function packageSteps(
  { as, scheduled }: UnitPlan,
  module: NightReference['modules'][number],
  reference: NightReference,
): readonly Step[] {
  const atMs = scheduled.endMs
  const packed = `${as}.${module.name}.package`
  const stamp = new Date(scheduled.startMs).toISOString().slice(0, 19).replaceAll(':', '')
  const make: Step = {
    atMs,
    method: 'POST',
    path: () => '/raw_data_packages',
    body: (answers) => ({
      executed_obs_unit_id: idOf(answers, as),
      instrument_module_id: module.id,
      name: `${stamp}_${module.name}.tar`,
      file_ids: answers[`${as}.${module.name}.files`]?.ids ?? [],
    }),
    as: packed,
    label: `package of ${module.name}`,
  }
  const finalize: Step = {
    atMs,
    method: 'PUT',
    path: (answers) => `/raw_data_packages/${idOf(answers, packed)}/finalize`,
    body: () => ({}),
    label: `finalize the package of ${module.name}`,
  }
  const [origin, destination] = transferEnds(reference)
  if (origin === undefined || destination === undefined) return [make, finalize]
  const transfer: Step = {
    atMs,
    method: 'POST',
    path: () => '/data_transfers',
    body: (answers) => ({
      raw_data_package_id: idOf(answers, packed),
      origin_id: origin,
      destination_id: destination,
    }),
    as: `${packed}.transfer`,
    label: `plan the transfer of ${module.name}`,
  }
  return [make, finalize, transfer]
}

function transferEnds({ locations }: NightReference): readonly (number | undefined)[] {
  return ['observatory-buffer', 'cologne-archive'].map(
    (name) => locations.find((location) => location.name === name)?.id,
  )
}

function idOf(answers: NightAnswers, as: string): string {
  const id = answers[as]?.id
  if (id === undefined)
    throw new Error(
      `The night needs the answer '${as}', which is not there: its call failed or was left out.`,
    )
  return id
}
