/** How a column's values look in JSON, in a filter and in a cursor. */
export type ColumnKind = 'uuid' | 'integer' | 'bigint' | 'number' | 'text' | 'timestamp' | 'boolean' | 'json'

/** A table as the API shows it: only what is named here can be read, filtered or sorted. */
export interface Resource {
  /** Path segment: `executed_obs_units`. */
  readonly path: string
  /** With its schema, as SQL writes it. */
  readonly table: string
  /** One row in words, for messages: `executed unit`. */
  readonly noun: string
  readonly columns: Readonly<Record<string, ColumnKind>>
  /** Columns that can be null: only after these a page has to look for nulls too, which costs the index. */
  readonly nullable: readonly string[]
  /** `-start_time`: a column of {@link columns}, descending with a minus. */
  readonly defaultSort: string
}

/** The kind of the primary key `id`. */
export function idKind(resource: Resource): ColumnKind {
  const kind = resource.columns.id
  if (kind === undefined) throw new Error(`The resource ${resource.path} has no id.`)
  return kind
}

/** One row with its article: `an executed unit`. */
export function anOf({ noun }: Resource): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}
