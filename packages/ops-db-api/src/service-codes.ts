import type { ProblemCode } from 'outpost/fastify'

const entry = (status: number, meaning: string, fix: string) => ({ status, meaning, fix })

/** The one table of the service's own error codes; those of the library stand beside it. A code is never renamed. */
const table = {
  token_missing: entry(401, 'The request brings no API token.', 'Send `Authorization: Bearer <token>`.'),
  token_unknown: entry(
    401,
    'The API token is not known here.',
    'Check the token; a new one is known after a moment.',
  ),
  token_expired: entry(401, 'The API token has expired or was revoked.', 'Ask for a new token.'),
  scope_missing: entry(
    403,
    'The API token may not do this.',
    'Use a token with the scope that the detail names.',
  ),
  text_refused: entry(
    422,
    'A text holds a character that PostgreSQL cannot store.',
    'Remove NUL characters and unpaired surrogates.',
  ),
  body_too_deep: entry(422, 'The body is nested too deeply.', 'Send a flatter document.'),
  filter_unknown: entry(
    422,
    'A filter, sort or parameter of a list is not known.',
    'Use the columns that the API description names.',
  ),
  cursor_invalid: entry(
    400,
    'The cursor is not one that this list gave out.',
    'Start again without a cursor, with the same sort.',
  ),
  not_found: entry(404, 'There is no such row.', 'Check the id.'),
  unknown_obs_unit: entry(
    422,
    'The observing unit is not known here.',
    'Check obs_unit_id; new units are made at main.',
  ),
  id_taken: entry(
    409,
    'A row with this id is known already.',
    'Leave out the id, or use an Idempotency-Key to repeat a request.',
  ),
  duplicate_id: entry(422, 'The same id or name stands twice in one request.', 'Send each row once.'),
  state_conflict: entry(
    409,
    'The present status does not allow this change.',
    'Read the row again; the detail names what is allowed.',
  ),
  end_before_start: entry(
    422,
    'The end lies before the start.',
    'Send an end_time at or after the start_time.',
  ),
  package_exists: entry(
    409,
    'The unit has a package of this name or for this module.',
    'Use the existing package.',
  ),
  package_finalized: entry(409, 'The package is finalized and cannot change.', 'Make no change to it.'),
  package_too_large: entry(
    422,
    'The files of a package are over 50 GB.',
    'Spread the files over several packages.',
  ),
  file_in_package: entry(
    409,
    'A file belongs to another package or another unit.',
    'Name files of this unit that are in no package.',
  ),
  same_place: entry(422, 'Origin and destination are the same place.', 'Name two different data locations.'),
  nothing_to_change: entry(422, 'The request changes nothing.', 'Send at least one column.'),
} as const

export type ServiceCode = keyof typeof table

/** The service's codes with their names, as {@link ProblemError} takes them and the documentation lists them. */
export const serviceCodes = Object.fromEntries(
  Object.entries(table).map(([code, facts]) => [code, { code, ...facts }]),
) as Readonly<Record<ServiceCode, ProblemCode>>
