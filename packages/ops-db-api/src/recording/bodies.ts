import Type, { type Static } from 'typebox'
import { unitStates } from './executed-unit-state.ts'
import { transferStates } from './transfer-state.ts'

/** Bodies of the critical calls. Unknown members are refused; lengths are those of the columns. */
const closed = { additionalProperties: false }
const uuid = Type.String({ format: 'uuid', description: 'UUID' })
const reference = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
const time = Type.String({ format: 'date-time', maxLength: 40, description: 'ISO 8601 with a time zone' })
const bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const name = Type.String({ minLength: 1, maxLength: 255 })
const notes = Type.String({ maxLength: 10_000 })
const ownId = Type.Optional(
  Type.String({ format: 'uuid', description: "The client's own id; one is made when left out" }),
)

/** Most files of one bulk call. */
export const maxFiles = 10_000
/** Every file of a bulk call with every member, and the lists around them. */
export const maxBulkValues = maxFiles * 10 + 100
/** Most files of one package: finalizing it is one transaction with an operation for each. */
export const maxPackageFiles = 9_000

export const startBody = Type.Object(
  {
    id: ownId,
    obs_unit_id: reference,
    start_time: Type.Optional(time),
    mean_elevation: Type.Optional(Type.Number({ minimum: 0, maximum: 90 })),
    pwv_mm: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    notes: Type.Optional(notes),
  },
  closed,
)
export type StartBody = Static<typeof startBody>

export const finishBody = Type.Object(
  {
    status: Type.Optional(Type.Enum(['completed', 'aborted', 'failed'])),
    end_time: Type.Optional(time),
    notes: Type.Optional(notes),
  },
  closed,
)
export type FinishBody = Static<typeof finishBody>

export const unitStatusBody = Type.Object(
  { status: Type.Enum([...unitStates]), notes: Type.Optional(notes) },
  closed,
)
export type UnitStatusBody = Static<typeof unitStatusBody>

export const configurationBody = Type.Object(
  {
    id: ownId,
    instrument_module_id: reference,
    parameters: Type.Object({}, { additionalProperties: true, maxProperties: 1_000 }),
    valid_from: Type.Optional(time),
  },
  closed,
)
export type ConfigurationBody = Static<typeof configurationBody>

export const fileBody = Type.Object(
  {
    id: ownId,
    executed_obs_unit_id: uuid,
    name,
    instrument_module_id: Type.Optional(reference),
    relative_path: Type.Optional(Type.String({ maxLength: 1_024 })),
    size_bytes: Type.Optional(bytes),
    checksum: Type.Optional(Type.String({ maxLength: 128 })),
    file_type: Type.Optional(Type.String({ maxLength: 32 })),
  },
  closed,
)
export type FileBody = Static<typeof fileBody>

export const bulkFilesBody = Type.Object(
  { files: Type.Array(fileBody, { minItems: 1, maxItems: maxFiles }) },
  closed,
)
export type BulkFilesBody = Static<typeof bulkFilesBody>

export const packageBody = Type.Object(
  {
    id: ownId,
    executed_obs_unit_id: uuid,
    name,
    instrument_module_id: Type.Optional(reference),
    file_ids: Type.Optional(Type.Array(uuid, { maxItems: maxPackageFiles })),
  },
  closed,
)
export type PackageBody = Static<typeof packageBody>

export const finalizeBody = Type.Object({}, closed)

export const transferBody = Type.Object(
  { id: ownId, raw_data_package_id: uuid, origin_id: reference, destination_id: reference },
  closed,
)
export type TransferBody = Static<typeof transferBody>

export const transferStatusBody = Type.Object(
  { status: Type.Enum([...transferStates]), bytes: Type.Optional(bytes) },
  closed,
)
export type TransferStatusBody = Static<typeof transferStatusBody>
