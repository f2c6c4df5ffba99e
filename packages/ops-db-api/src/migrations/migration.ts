/** One numbered step of the schema; its text is checksummed at installation and never changes afterwards. */
export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

/** The migrations of one owner; `outpost migrate` installs the library's own set before this one. */
export interface MigrationSet {
  readonly namespace: string
  readonly migrations: readonly Migration[]
}
