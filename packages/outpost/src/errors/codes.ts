export interface ErrorCodeEntry {
  /** HTTP status of the problem document. */
  readonly status: number
  /** Exit code of a command: 1 failure, 2 wrong usage or input, 3 unreachable, 4 refused to protect data. */
  readonly exit: number
  readonly meaning: string
  readonly fix: string
}

const entry = (status: number, exit: number, meaning: string, fix: string): ErrorCodeEntry => ({
  status,
  exit,
  meaning,
  fix,
})

/** The one table of error codes of the library, grouped by room. A code is never renamed. */
export const errorCodes = {
  // configuration
  config_invalid: entry(
    500,
    2,
    'A setting is missing or malformed.',
    'Correct the settings that the message names and start again.',
  ),
  // position
  token_invalid: entry(
    400,
    2,
    'An Outpost-Token is malformed or its signature does not match.',
    'Send back the token exactly as it was received, or leave it out.',
  ),
  position_incomparable: entry(
    500,
    1,
    'Two positions of different timelines or systems were compared.',
    'Compare positions only within one lineage; ask for a fresh token.',
  ),
  // postgres
  main_unreachable: entry(
    503,
    3,
    'Main did not answer.',
    'Wait: recording goes on. Check the link and main when it lasts.',
  ),
  replica_unreachable: entry(
    503,
    3,
    'The local replica did not answer.',
    'Check the replica; recording goes on meanwhile.',
  ),
  catalog_missing: entry(
    503,
    3,
    'The table definitions are not known yet: no database has ever been reached.',
    'Start the site once while main or the replica can be reached.',
  ),
  // transaction
  unknown_table: entry(
    422,
    2,
    'The table does not exist or cannot be recorded to.',
    'Check the name; run the migrations on main when it is new.',
  ),
  unknown_column: entry(422, 2, 'The column does not exist.', 'Check the name against the schema.'),
  invalid_value: entry(
    422,
    2,
    'A value does not fit its column.',
    'Send a value of the type that the message names.',
  ),
  missing_value: entry(
    422,
    2,
    'A required value is missing and cannot be made at the site.',
    'Supply the value.',
  ),
  keys_unavailable: entry(
    503,
    3,
    'A number of a sequence was left out, and none that is reserved for this site may be used now.',
    'Supply the number, or send the request again once main has been reached; reserve larger blocks with `outpost site reserve-keys`.',
  ),
  keys_refused: entry(
    409,
    2,
    'Numbers of this table cannot be reserved for a site.',
    'Do what the message says, or give the table a UUID key.',
  ),
  missing_key: entry(
    422,
    2,
    'An update or delete does not name the whole primary key.',
    'Give every column of the primary key.',
  ),
  append_only: entry(
    409,
    2,
    'A row of a table that takes new rows only was to be changed or removed.',
    'Record a new row that says what is true now.',
  ),
  conflicts_refused: entry(
    409,
    2,
    'A conflict policy cannot be declared so.',
    'Do what the message says, and declare it again.',
  ),
  transaction_empty: entry(
    422,
    2,
    'A transaction without operations was appended.',
    'Add at least one operation.',
  ),
  transaction_too_large: entry(
    413,
    2,
    'A transaction is over the limit of operations or bytes.',
    'Split it into several transactions.',
  ),
  release_refused: entry(
    409,
    1,
    'Unconfirmed transactions were to be released although the replica confirms them.',
    'Nothing needs to be done: wait for the replica.',
  ),
  // journal
  journal_failed: entry(
    503,
    3,
    'The journal could not be written and takes no more writes.',
    'Check the disk, then restart the site: everything acknowledged is kept.',
  ),
  journal_full: entry(
    507,
    3,
    'The journal has reached its limit or the disk is full.',
    'Free space or raise JOURNAL_MAX_BYTES; reads and the drain go on.',
  ),
  journal_in_use: entry(
    500,
    2,
    'Another process has this journal open.',
    'Stop the other process or give this one its own JOURNAL_PATH.',
  ),
  journal_corrupt: entry(
    500,
    4,
    'A record inside the journal cannot be read.',
    'Keep the folder, restore it from a copy or ask for help: nothing was changed.',
  ),
  journal_unavailable: entry(
    503,
    3,
    'The store that keeps the journal does not answer: nothing can be recorded, and reads cannot be vouched for.',
    'Send the request again, a write with the same Idempotency-Key: whether it was stored may be unknown. Start Redis when it lasts.',
  ),
  journal_overtaken: entry(
    503,
    1,
    'Another process of the site has recorded something on the same rows since they were checked.',
    'Check again and append again; the site does so by itself.',
  ),
  not_leading: entry(
    503,
    1,
    'Another process of the site drains the journal.',
    'Send the command to that process, or wait: it takes over when that one ends.',
  ),
  idempotency_conflict: entry(
    422,
    2,
    'The Idempotency-Key was used before with another request.',
    'Use a new key for a new request.',
  ),
  transition_refused: entry(
    409,
    1,
    'A transaction was to change to a state that its present state does not lead to.',
    'Ask for its state again: somebody else may have acted on it meanwhile.',
  ),
  cone_waiting: entry(
    409,
    4,
    'A transaction was to be discarded while others wait for it.',
    'Discard it with its cone by name (`cone: true`, `--cone`), or replay, edit or resolve it: then they go on.',
  ),
  patch_invalid: entry(
    422,
    2,
    'A JSON Patch cannot be applied to the operations of the transaction, or leaves none that can be recorded.',
    'Send a list of RFC 6902 steps with paths such as /0/row/name; GET the transaction to see its operations.',
  ),
  // ledger
  not_migrated: entry(
    503,
    2,
    'Main lacks the Outpost schema or has an older one.',
    'Run `outpost migrate` against main.',
  ),
  schema_unknown: entry(
    503,
    4,
    "A transaction was recorded under a version of the schema from which no steps that this version of Outpost knows lead to main's.",
    'Install a version of Outpost that knows the migration. Recording goes on meanwhile, and nothing is lost.',
  ),
  migration_irreversible: entry(
    409,
    2,
    'The newest migration cannot be undone: it says no way back, or there is none installed.',
    'Give the migration a `down`, or install a new one that undoes what it did.',
  ),
  migration_changed: entry(
    500,
    4,
    'A migration that was already installed differs from the file.',
    'Restore the original file; add a new migration for a change.',
  ),
  migration_on_replica: entry(
    500,
    4,
    'Migrations were started on a server in recovery.',
    'Run them on main; the replica follows by itself.',
  ),
  encoding_refused: entry(
    500,
    4,
    'Migrations were started on a database that cannot hold every text.',
    "Restore the data into a database of the encoding UTF8: `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`.",
  ),
  role_unsafe: entry(
    409,
    4,
    "A role that was to be a site's could do more than record for that site.",
    'Make a role for the site alone: `CREATE ROLE … LOGIN PASSWORD …`, no superuser, without BYPASSRLS, CREATEROLE and REPLICATION, a member of nothing that is more, and owning nothing. Where it may create objects in a schema: `REVOKE CREATE ON SCHEMA … FROM PUBLIC`.',
  ),
  site_unknown: entry(
    404,
    2,
    'Main knows no site of that name.',
    'Look into `SELECT name FROM outpost.site` on main; `outpost site grant` registers one.',
  ),
  epoch_fenced: entry(
    500,
    4,
    'Main knows this journal life as ended.',
    'The site opens a new epoch by itself; look for a second process or a restored copy.',
  ),
  lineage_refused: entry(
    503,
    4,
    'Main is not a descendant of the server that this site wrote to.',
    'Check which server is the right one, then run `outpost site accept-main`.',
  ),
  nothing_to_accept: entry(
    409,
    2,
    'A main was to be accepted while none is refused.',
    'Look at the health of the site first: only a main that it refuses can be accepted.',
  ),
  nothing_to_resume: entry(
    409,
    2,
    'The applier was to be resumed while it is not blocked.',
    'Look at the health of the site first: what waits for main or for its turn goes on by itself.',
  ),
  // overlay
  read_refused: entry(
    422,
    2,
    'The statement would bypass the pending rows and is refused.',
    'See docs/reference/refused-statements.md for the list and the way round.',
  ),
  read_invalid: entry(
    422,
    2,
    'The statement is not one SELECT that PostgreSQL can parse.',
    'Correct the statement.',
  ),
  not_here_yet: entry(
    503,
    3,
    'The site cannot prove yet that the row is absent, or lacks what the token has seen.',
    'Try again shortly.',
  ),
  // preflight
  reference_missing: entry(
    409,
    2,
    'The transaction refers to a row that does not exist.',
    'Check the values of the columns that the constraint names; record the row that is referred to first, or in the same transaction.',
  ),
  reference_in_use: entry(
    409,
    2,
    'The transaction takes away a row, or changes its key, while others refer to it.',
    'Take away those rows first, or in the same transaction.',
  ),
  // site
  site_stopped: entry(503, 3, 'The site is stopping.', 'Send the request to the restarted site.'),
  already_recorded: entry(
    409,
    2,
    'A row with this client-supplied id was already recorded.',
    'Use a new id, or the Idempotency-Key of the first request to get its answer again.',
  ),
  transaction_rejected: entry(
    409,
    1,
    'Main rejected the transaction for a reason that waiting will not cure.',
    'Look at it with `outpost tx show`, correct the cause and record it again.',
  ),
  wait_timeout: entry(
    504,
    3,
    'A wait reached its deadline.',
    'Ask for the state of the transaction later: it is kept.',
  ),
  transaction_unknown: entry(
    404,
    2,
    'No transaction with this id is known here.',
    'Check the id; very old transactions are kept only in the ledger on main.',
  ),
  // cli
  usage_invalid: entry(
    400,
    2,
    'A command was given an argument or option that it does not know.',
    'Run the command with --help.',
  ),
  port_in_use: entry(
    500,
    2,
    'A port that a command needs is taken by another program.',
    'Stop the other program or give other ports with --port.',
  ),
  folder_in_use: entry(
    500,
    2,
    'A folder is in use by another running process, or is not one that the command made.',
    'Stop that process or give another folder.',
  ),
  site_unreachable: entry(
    503,
    3,
    'The site does not answer.',
    'Check the address (--url) and whether `outpost serve` runs.',
  ),
  site_refused: entry(
    502,
    1,
    'The site answered with an error of its own.',
    'Do what the message says, or look into the log of the site.',
  ),
  unauthorized: entry(
    401,
    2,
    'The site needs an API token and got none, or one that it does not know.',
    'Give a token with --token or OUTPOST_TOKEN; make one with `outpost token create`.',
  ),
  start_failed: entry(
    500,
    1,
    'A server or a site of the demo did not come up.',
    'Read the log that the message names.',
  ),
  // http (the Fastify plugin)
  malformed_json: entry(400, 2, 'The body is not JSON.', 'Send one JSON document as the body.'),
  malformed_request: entry(400, 2, 'The request cannot be understood.', 'Correct what the detail names.'),
  headers_too_large: entry(
    431,
    2,
    'The request line and the headers together are over the limit.',
    'Send fewer or shorter headers, or put what is in the URL into several requests.',
  ),
  request_timeout: entry(408, 2, 'The request did not arrive in time.', 'Send it again, without a pause.'),
  body_too_large: entry(413, 2, 'The body is over the limit.', 'Split the request into several.'),
  unsupported_media_type: entry(
    415,
    2,
    'The body is of a type that is not taken here.',
    'Send JSON with `Content-Type: application/json`.',
  ),
  route_unknown: entry(
    404,
    2,
    'There is no such path.',
    'Check method and path against the API description.',
  ),
  idempotency_key_invalid: entry(
    400,
    2,
    'The Idempotency-Key is empty, too long or holds other than visible ASCII.',
    'Send 1 to 255 visible ASCII characters, for example a UUID.',
  ),
  already_exists: entry(
    409,
    2,
    'A row with the same unique value exists.',
    'Use the existing row or another value.',
  ),
  unknown_reference: entry(
    422,
    2,
    'The request names a row that does not exist, or removes one that others need.',
    'Check the ids in the request.',
  ),
  check_failed: entry(
    422,
    2,
    'A value breaks a rule of the table.',
    'Send values within the rule that the constraint names.',
  ),
  database_busy: entry(503, 3, 'The database could not finish the statement now.', 'Try again shortly.'),
  internal_error: entry(
    500,
    1,
    'The service met a condition that it does not know.',
    'Report the incident number; the log holds the cause.',
  ),
} as const satisfies Record<string, ErrorCodeEntry>

export type ErrorCode = keyof typeof errorCodes
