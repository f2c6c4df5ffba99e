import type { SchemaHistory } from '../schema/schema-history.ts'

/** A table's name as SQL writes it, always with its schema, quoted where needed: `public.executed_obs_unit`. */
export type TableName = string

/** How a column's type behaves, decided once at introspection from `pg_type` (a domain takes its base type's). */
export type TypeKind = 'base' | 'enum' | 'range' | 'multirange' | 'array' | 'composite'

export interface ColumnType {
  /** `pg_type.oid` on the server that was read; equal on its physical replicas. */
  readonly oid: number
  /** `format_type(oid, -1)`: castable without cutting anything off (`character varying`, `bpchar`, `public.mood`). */
  readonly name: string
  /** `format_type(oid, typmod)`: with length or precision, for people and for coercion. */
  readonly nameWithModifier: string
  /** `atttypmod`, or the domain's own when the column is of a domain; -1 when there is none. */
  readonly modifier: number
  readonly kind: TypeKind
  /** The base type's `typname` (domains resolved): `int4`, `uuid`, `timestamptz`, `numeric` … */
  readonly base: string
  /** `format_type(base, -1)` of a domain's base type: casting to the domain itself would raise where a check of it fails. */
  readonly baseName?: string
  /** Labels in order, for an enum. */
  readonly labels?: readonly string[]
  /** The element's type, for an array; the subtype, for a range or multirange. */
  readonly element?: ColumnType
  /** Fields in order, for a composite. */
  readonly fields?: readonly { readonly name: string; readonly type: ColumnType }[]
  /** Checks of the domains that the type is, over `VALUE`; absent without any. */
  readonly domainChecks?: readonly CheckConstraint[]
  /**
   * True when equal values have one text as far as the collation goes: it is deterministic, or the type has none.
   * False for base types that an extension defines (`citext`), whose equality is not known.
   */
  readonly hasExactEquality: boolean
}

export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly isNullable: boolean
  /** `pg_get_expr` of the default (the domain's where the column has none), undefined without one. */
  readonly defaultSql?: string
  /** Stored or virtual generation expression: never written, computed in the statement. */
  readonly generatedSql?: string
  /** `a` always, `d` by default: numbers come from a sequence on main. */
  readonly identity?: 'always' | 'by_default'
  /** Its collation as SQL writes it, where that is another than the database's. */
  readonly collation?: string
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  readonly references: TableName
  readonly referencedColumns: readonly string[]
  readonly onDelete: 'no_action' | 'restrict' | 'cascade' | 'set_null' | 'set_default'
  readonly onUpdate: 'no_action' | 'restrict' | 'cascade' | 'set_null' | 'set_default'
  /** MATCH FULL: of several columns all or none are null. */
  readonly isMatchFull?: boolean
}

/** How a key on expressions or with a predicate compares rows: only with PostgreSQL's own immutable functions. */
export interface KeyMatch {
  /** One per column of the key, over the table's columns. */
  readonly expressions: readonly string[]
  /** Rows that do not fulfil it are not bound by the key. */
  readonly predicate?: string
  /** All columns that these read. */
  readonly columns: readonly string[]
}

export interface UniqueKey {
  readonly name: string
  /**
   * Undefined where the key is on an expression, has a predicate or excludes by another operator than equality: what
   * conflicts is not known at the site.
   */
  readonly columns?: readonly string[]
  readonly nullsNotDistinct: boolean
  /** True where `=` on the columns does not tell what conflicts: another operator class or collation, an invalid index. */
  readonly hasOwnEquality?: boolean
  /** Present where `columns` is not, and SQL can tell what conflicts. */
  readonly match?: KeyMatch
}

export interface CheckConstraint {
  readonly name: string
  /** `pg_get_constraintdef`. */
  readonly sql: string
  /**
   * The condition over the table's columns (over `VALUE` for a domain's), present where it gives the same on every
   * server and at every time: no function but PostgreSQL's own immutable ones.
   */
  readonly expression?: string
  /** The columns that it reads; absent for a domain's. */
  readonly columns?: readonly string[]
}

export interface Table {
  readonly name: TableName
  readonly schema: string
  readonly relation: string
  readonly kind: 'table' | 'partitioned' | 'partition' | 'foreign'
  /** In attribute order, dropped columns left out. */
  readonly columns: readonly Column[]
  /** Column names of the primary key in key order; empty without one (such a table cannot be updated by a site). */
  readonly primaryKey: readonly string[]
  /** Name of the primary key's index and constraint. */
  readonly primaryKeyName?: string
  readonly foreignKeys: readonly ForeignKey[]
  /** Unique and exclusion keys other than the primary key (a primary key WITHOUT OVERLAPS is listed here too). */
  readonly uniqueKeys: readonly UniqueKey[]
  readonly checks: readonly CheckConstraint[]
  /** Columns that lead an index: equality on them is worth an index over the pending rows too. */
  readonly indexedColumns: readonly string[]
  /** True when user triggers or rules fire on writes: no reordering, no guess of the row to come. */
  readonly hasTriggers: boolean
  readonly hasRowSecurity: boolean
  /** The partitioned parent, for a partition (one that is partitioned itself has kind `partitioned` and a parent). */
  readonly parent?: TableName
  /** Parents by plain `INHERITS`: reading one of them shows this table's rows too. Absent without any. */
  readonly inherits?: readonly TableName[]
}

export interface View {
  readonly name: TableName
  readonly schema: string
  readonly relation: string
  /** `pg_get_viewdef` without its semicolon; names are qualified because introspection empties the search_path. */
  readonly sql: string
  readonly columns: readonly string[]
  readonly isMaterialized: boolean
  readonly isSecurityBarrier: boolean
}

/**
 * What main does with a change whose row somebody else has changed meanwhile. A table without one is merged by column:
 * what was supplied is set.
 */
export type ConflictPolicy = 'column_merge' | 'compare_and_set' | 'last_writer' | 'append_only' | 'function'

/** What a site knows of main's schema; kept on disk, so that a site can start with every database away. */
export interface Catalog {
  /** Digest of the content: names the schema version that a transaction was made under. */
  readonly version: string
  readonly readAtMs: number
  /** `server_version_num`. */
  readonly serverVersion: number
  /** Schemas an unqualified name is looked up in, first match wins. */
  readonly searchPath: readonly string[]
  readonly tables: ReadonlyMap<TableName, Table>
  readonly views: ReadonlyMap<TableName, View>
  /** User-defined functions that read tables or are not known to be safe (lower-case unqualified names). */
  readonly userFunctions: ReadonlySet<string>
  /** As main has declared them, by the topmost table; absent without any. */
  readonly policies?: ReadonlyMap<TableName, ConflictPolicy>
  /** Changes of the application's schema up to this one, of the same snapshot; absent where the server keeps none. */
  readonly history?: SchemaHistory
}
