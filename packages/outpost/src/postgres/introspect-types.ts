import type { CheckConstraint, ColumnType, TypeKind } from './catalog.ts'

/** A row of `typesQuery`. */
export interface TypeRow {
  readonly oid: number
  readonly typname: string
  readonly typtype: string
  readonly name: string
  readonly isBuiltIn: boolean
  readonly isArray: boolean
  readonly element: number
  readonly base: number
  readonly baseModifier: number
  readonly isNotNull: boolean
  readonly default: string | null
  readonly hasExactCollation: boolean
  readonly labels: readonly string[] | null
  readonly subtype: number | null
  readonly hasExactRangeCollation: boolean
  readonly fields: readonly FieldRow[] | null
  readonly checks: readonly (CheckConstraint & { readonly expression: string | null })[] | null
}

/** What a column, or a field of a composite, says of its own type. */
export interface TypeUse {
  readonly type: number
  readonly modifier: number
  readonly typeWithModifier: string
  readonly hasExactCollation: boolean
}

interface FieldRow extends TypeUse {
  readonly name: string
}

/** Facts that a column takes from the domains it is declared with. */
export interface DomainFacts {
  readonly isNotNull: boolean
  readonly default?: string
}

export class TypeResolver {
  readonly #rows: ReadonlyMap<number, TypeRow>

  constructor(rows: readonly TypeRow[]) {
    this.#rows = new Map(rows.map((row) => [row.oid, row]))
  }

  /** The outermost domain that says something wins, as in PostgreSQL. */
  domainFacts(oid: number): DomainFacts {
    const domains = this.#domains(oid)
    const defaults = domains.flatMap((domain) => (domain.default === null ? [] : [domain.default]))
    return {
      isNotNull: domains.some((domain) => domain.isNotNull),
      ...(defaults[0] === undefined ? {} : { default: defaults[0] }),
    }
  }

  resolve(use: TypeUse): ColumnType {
    const domains = this.#domains(use.type)
    const base = this.#base(use.type)
    const modifier =
      [use.modifier, ...domains.map((domain) => domain.baseModifier)].find((m) => m !== -1) ?? -1
    const checks = domains
      .flatMap((domain) => domain.checks ?? [])
      .map(({ name, sql, expression }) => ({ name, sql, ...(expression === null ? {} : { expression }) }))
    const element = base.isArray ? this.#element(base, use, modifier) : this.#rangeSubtype(base)
    const fields = base.fields?.map((field) => ({ name: field.name, type: this.resolve(field) }))
    return {
      oid: use.type,
      name: this.#row(use.type).name,
      nameWithModifier: use.typeWithModifier,
      modifier,
      kind: kindOf(base),
      base: base.typname,
      ...(base.oid === use.type ? {} : { baseName: base.name }),
      ...(base.labels === null ? {} : { labels: base.labels }),
      ...(element === undefined ? {} : { element }),
      ...(fields === undefined ? {} : { fields }),
      ...(checks.length === 0 ? {} : { domainChecks: checks }),
      hasExactEquality: this.#hasExactEquality(use, base, element, fields),
    }
  }

  #hasExactEquality(
    use: TypeUse,
    base: TypeRow,
    element: ColumnType | undefined,
    fields: ColumnType['fields'],
  ): boolean {
    if (!use.hasExactCollation) return false
    if (base.subtype !== null && !base.hasExactRangeCollation) return false
    if (element !== undefined) return element.hasExactEquality
    if (fields !== undefined) return fields.every((field) => field.type.hasExactEquality)
    return base.isBuiltIn || base.typtype === 'e'
  }

  /** An array's modifier and collation are its elements'. */
  #element(array: TypeRow, use: TypeUse, modifier: number): ColumnType {
    const isDomain = array.oid !== use.type
    return this.resolve({
      type: array.element,
      modifier,
      typeWithModifier: isDomain ? this.#row(array.element).name : use.typeWithModifier.replace(/\[\]$/, ''),
      hasExactCollation: use.hasExactCollation && this.#row(array.element).hasExactCollation,
    })
  }

  #rangeSubtype({ subtype: oid }: TypeRow): ColumnType | undefined {
    if (oid === null) return undefined
    const { name, hasExactCollation } = this.#row(oid)
    return this.resolve({ type: oid, modifier: -1, typeWithModifier: name, hasExactCollation })
  }

  /** The domains from the outermost in; empty for any other type. */
  #domains(oid: number): readonly TypeRow[] {
    const row = this.#row(oid)
    return row.typtype === 'd' ? [row, ...this.#domains(row.base)] : []
  }

  #base(oid: number): TypeRow {
    const row = this.#row(oid)
    return row.typtype === 'd' ? this.#base(row.base) : row
  }

  #row(oid: number): TypeRow {
    const row = this.#rows.get(oid)
    // The query walks the same edges in one snapshot, so a hole here is a defect of the query.
    if (row === undefined) throw new Error(`The type with oid ${oid} is missing from the introspected types.`)
    return row
  }
}

function kindOf(row: TypeRow): TypeKind {
  if (row.isArray) return 'array'
  switch (row.typtype) {
    case 'e':
      return 'enum'
    case 'c':
      return 'composite'
    case 'r':
      return 'range'
    case 'm':
      return 'multirange'
    default:
      return 'base'
  }
}
