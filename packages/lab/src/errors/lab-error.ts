/** What the lab can fail with: the meaning of each code and what to do about it. */
export const labErrorCodes = {
  lab_missing: 'Install the program that the message names, or give its folder in PG_BIN.',
  lab_user: 'Give the user id an entry in the passwd database, or run as a user that has one.',
  data_exists: 'Choose another folder or name, or use the data that is there.',
  server_start: 'Read the end of the server log in the message.',
  server_running: 'Stop the server that uses this data directory, or choose another directory.',
  server_stopped: 'Start the server first.',
  lab_timeout: 'Look at the log of the process that the message names; raise the deadline on a slow machine.',
  lab_command: 'Read the output of the command in the message.',
  link_input: 'Correct the value that the message names.',
} as const

export type LabErrorCode = keyof typeof labErrorCodes

/** An error that the lab raises on purpose: `code` is stable, `hint` says what to do. */
export class LabError extends Error {
  override readonly name: string = 'LabError'
  readonly code: LabErrorCode
  readonly hint: string

  constructor(code: LabErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? labErrorCodes[code]
  }
}

/** A program that the lab drives is not installed: tests skip on it loudly, and fail on it in CI. */
export class LabMissing extends LabError {
  override readonly name = 'LabMissing'

  constructor(message: string, hint?: string) {
    super('lab_missing', message, hint === undefined ? {} : { hint })
  }
}
