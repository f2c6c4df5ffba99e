import Type, { type TObject } from 'typebox'
import type { Resource } from './resource.ts'

/** Reference data: read like everything else, written straight to main. */
export interface ReferenceResource extends Resource {
  /** Columns that a client may send; those of `required` must come when a row is made. */
  readonly writable: TObject
  readonly required: readonly string[]
}

const text = (maxLength: number, minLength = 0) => Type.String({ minLength, maxLength })
const name = (maxLength: number) => text(maxLength, 1)
const id = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
const note = text(1_000)
const closed = { additionalProperties: false }

const observingPrograms: ReferenceResource = {
  path: 'observing_programs',
  table: 'public.observing_program',
  noun: 'observing program',
  columns: { id: 'integer', name: 'text', description: 'text', is_active: 'boolean' },
  nullable: [],
  defaultSort: 'name',
  writable: Type.Object({ name: name(100), description: note, is_active: Type.Boolean() }, closed),
  required: ['name'],
}

const sources: ReferenceResource = {
  path: 'sources',
  table: 'public.source',
  noun: 'source',
  columns: {
    id: 'integer',
    name: 'text',
    type: 'text',
    ra_deg: 'number',
    dec_deg: 'number',
    naif_id: 'integer',
    note: 'text',
  },
  nullable: ['ra_deg', 'dec_deg', 'naif_id'],
  defaultSort: 'name',
  writable: Type.Object(
    {
      name: name(100),
      type: Type.Enum(['fixed', 'solar_system', 'constant_elevation']),
      ra_deg: Type.Number({ minimum: 0, exclusiveMaximum: 360 }),
      dec_deg: Type.Number({ minimum: -90, maximum: 90 }),
      naif_id: id,
      note,
    },
    closed,
  ),
  required: ['name', 'type'],
}

export const obsUnits: ReferenceResource = {
  path: 'obs_units',
  table: 'public.obs_unit',
  noun: 'observing unit',
  columns: {
    id: 'integer',
    observing_program_id: 'integer',
    source_id: 'integer',
    instrument_id: 'integer',
    name: 'text',
    kind: 'text',
    scan: 'text',
    duration_s: 'integer',
    priority: 'integer',
    is_active: 'boolean',
  },
  nullable: [],
  defaultSort: 'id',
  writable: Type.Object(
    {
      observing_program_id: id,
      source_id: id,
      instrument_id: id,
      name: name(200),
      kind: Type.Enum(['science', 'pointing', 'focus', 'skydip', 'planet']),
      scan: Type.Enum(['constant_el', 'pong', 'daisy']),
      duration_s: id,
      priority: Type.Integer({ minimum: 0, maximum: 100 }),
      is_active: Type.Boolean(),
    },
    closed,
  ),
  required: ['observing_program_id', 'source_id', 'instrument_id', 'name', 'scan', 'duration_s'],
}

const instruments: ReferenceResource = {
  path: 'instruments',
  table: 'public.instrument',
  noun: 'instrument',
  columns: { id: 'integer', telescope_id: 'integer', name: 'text', kind: 'text', description: 'text' },
  nullable: [],
  defaultSort: 'name',
  writable: Type.Object(
    {
      telescope_id: id,
      name: name(100),
      kind: Type.Enum(['camera', 'heterodyne', 'spectrometer', 'other']),
      description: note,
    },
    closed,
  ),
  required: ['telescope_id', 'name'],
}

export const instrumentModules: ReferenceResource = {
  path: 'instrument_modules',
  table: 'public.instrument_module',
  noun: 'instrument module',
  columns: {
    id: 'integer',
    instrument_id: 'integer',
    name: 'text',
    description: 'text',
    is_active: 'boolean',
  },
  nullable: [],
  defaultSort: 'id',
  writable: Type.Object(
    { instrument_id: id, name: name(50), description: note, is_active: Type.Boolean() },
    closed,
  ),
  required: ['instrument_id', 'name'],
}

export const dataLocations: ReferenceResource = {
  path: 'data_locations',
  table: 'public.data_location',
  noun: 'data location',
  columns: { id: 'integer', name: 'text', kind: 'text', site: 'text', path: 'text', is_active: 'boolean' },
  nullable: [],
  defaultSort: 'name',
  writable: Type.Object(
    {
      name: name(100),
      kind: Type.Enum(['computer', 'buffer', 'archive']),
      site: name(100),
      path: text(1_024),
      is_active: Type.Boolean(),
    },
    closed,
  ),
  required: ['name', 'kind', 'site'],
}

export const referenceResources: readonly ReferenceResource[] = [
  observingPrograms,
  sources,
  obsUnits,
  instruments,
  instrumentModules,
  dataLocations,
]
