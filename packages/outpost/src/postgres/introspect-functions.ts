/** A row of `functionsQuery`. */
export interface FunctionRow {
  readonly name: string
  readonly language: string
  readonly isImmutable: boolean
  readonly extension: string | null
  readonly body: string
  /** User-defined functions that an aggregate is made of. */
  readonly parts: readonly string[] | null
}

/** Extensions of PostgreSQL's own contrib folder whose functions compute on their arguments and read no table. */
const computingExtensions = new Set(
  `btree_gin btree_gist citext cube earthdistance fuzzystrmatch hstore intarray isn lo ltree pg_trgm pgcrypto seg
   unaccent uuid-ossp`.split(/\s+/),
)

/** Words without which a body can neither read a table nor hide that it does. */
const readingWords = new Set(['from', 'table', 'join', 'execute', 'perform', 'query', 'copy', 'spi'])

/**
 * Names of user-defined functions that read tables or are not known to be safe: they would bypass the overlay.
 *
 * A function is known to be safe when it belongs to a computing extension, or when it is declared IMMUTABLE (which by
 * PostgreSQL's manual excludes looking at tables), its SQL or PL/pgSQL body has no word that could read one, and it
 * names no function that is itself unsafe. Names are lower-case and unqualified; of overloads the unsafe one counts.
 */
export function unsafeFunctions(rows: readonly FunctionRow[]): ReadonlySet<string> {
  const bodies = rows.map((row) => ({ name: row.name.toLowerCase(), row, words: wordsOf(row) }))
  const unsafe = new Set(bodies.filter(({ row, words }) => !looksSafe(row, words)).map(({ name }) => name))
  // What calls an unsafe function is unsafe too. Each round adds at least one name, so it ends.
  for (let before = -1; before !== unsafe.size; ) {
    before = unsafe.size
    for (const { name, row, words } of bodies) {
      if (!isComputing(row) && words.some((word) => unsafe.has(word))) unsafe.add(name)
    }
  }
  return new Set([...unsafe].sort())
}

function looksSafe(row: FunctionRow, words: readonly string[]): boolean {
  if (isComputing(row)) return true
  if (row.parts !== null || row.language === 'internal') return true
  if (!row.isImmutable || (row.language !== 'sql' && row.language !== 'plpgsql')) return false
  return !words.some((word) => readingWords.has(word))
}

function isComputing(row: FunctionRow): boolean {
  return row.extension !== null && computingExtensions.has(row.extension)
}

function wordsOf(row: FunctionRow): readonly string[] {
  if (row.parts !== null) return row.parts.map((part) => part.toLowerCase())
  return row.body.toLowerCase().match(/[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/g) ?? []
}
