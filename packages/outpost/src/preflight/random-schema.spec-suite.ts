import type { Random } from '../overlay/property/random.spec-suite.ts'

/** A random schema of two or three tables that refer to each other, with few values, so that rows meet. */
export interface RandomSchema {
  readonly sql: string
  readonly tables: readonly RandomTable[]
}

export interface RandomTable {
  readonly name: string
  readonly keys: readonly string[]
  readonly columns: readonly RandomColumn[]
}

export interface RandomColumn {
  readonly name: string
  /** Texts as PostgreSQL reads them; null among them. */
  readonly values: readonly (string | null)[]
}

/** Types of keys with a few of their values; the last ones need PostgreSQL to compare. */
const keyTypes: readonly { readonly sql: string; readonly values: readonly string[] }[] = [
  { sql: 'int', values: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] },
  { sql: 'bigint', values: ['1', '2', '3', '4', '5', '6', '7', '8', '9'] },
  { sql: 'varchar(4)', values: ['a', 'b', 'c', 'dd', 'ee', '1', 'e', 'f', 'g', 'h'] },
  { sql: 'text', values: ['a', 'B', 'b', "it's", 'x|y', '\\', 'c', 'd', 'e', 'f'] },
  { sql: 'mood', values: ['sad', 'ok', 'fine'] },
  { sql: 'date', values: ['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-04'] },
  { sql: 'numeric(6,2)', values: ['1.00', '2.50', '3.00', '4.25'] },
  {
    sql: 'timestamptz',
    values: ['2024-01-01 00:00:00+00', '2024-01-01 01:00:00.5+00', '2024-03-01 00:00:00+00'],
  },
  { sql: 'char(3)', values: ['a', 'b', 'ab', 'abc'] },
  { sql: 'text COLLATE ci', values: ['a', 'A', 'b', 'B', 'c'] },
  { sql: 'posint', values: ['1', '2', '3', '4'] },
]

const others: readonly {
  readonly name: string
  readonly sql: string
  readonly values: readonly (string | null)[]
}[] = [
  { name: 'n', sql: 'int', values: [null, '-1', '0', '1', '2', '3', '4', '9'] },
  { name: 'm', sql: 'int', values: [null, '0', '1', '2', '3', '7'] },
  {
    name: 'code',
    sql: 'varchar(6)',
    values: [null, 'a', 'A', 'b', 'bb', 'ccc', 'd', 'e', 'f', 'toolong', ''],
  },
  { name: 'mood', sql: 'mood', values: [null, 'sad', 'ok', 'sad', 'ok', 'fine', 'angry'] },
  { name: 'pos', sql: 'posint', values: [null, '1', '2', '3', '7', '0'] },
  { name: 'amount', sql: 'numeric(5,1)', values: [null, '0', '1.5', '2.04', '3', '-1'] },
  { name: 'at', sql: 'timestamptz', values: [null, '2024-01-01 00:00:00+00', '2031-01-01 00:00:00+00'] },
  { name: 'word', sql: 'text COLLATE ci', values: [null, 'x', 'X', 'y'] },
  { name: 'tag', sql: 'text', values: [null, 'p', 'q', 'P'] },
]

const checks = [
  'n >= 0',
  'n < m',
  "code <> ''",
  'length(code) < 3',
  "(mood = 'ok') = (n IS NOT NULL)",
  "mood IN ('sad', 'ok')",
  "code IN ('a', 'b', 'bb', 'ccc', 'A')",
  'amount > n',
  'at < now()',
  'plus_one(n) > 1',
  "at > '2024-06-01 00:00:00+00'",
  "word <> 'x'",
  'abs(n) + coalesce(m, 0) < 9',
  'double < 8',
  "n::text <> '2'",
]

const uniques = [
  'UNIQUE (code)',
  'UNIQUE (n, mood)',
  'UNIQUE NULLS NOT DISTINCT (n)',
  'UNIQUE NULLS NOT DISTINCT (m, tag)',
  'UNIQUE (code, m) DEFERRABLE INITIALLY DEFERRED',
  'UNIQUE (m) DEFERRABLE',
  'UNIQUE (word)',
  'UNIQUE (amount)',
  'UNIQUE (at, tag)',
  'UNIQUE (double)',
  'EXCLUDE USING gist (box(point(n, n), point(n, n)) WITH &&)',
]

const indexes = [
  '(lower(code))',
  "(n) WHERE mood = 'ok'",
  '(tag, lower(code)) WHERE n > 0',
  '(m) NULLS NOT DISTINCT WHERE n IS NULL',
  '(plus_one(m))',
  '(word COLLATE "C")',
]

export const commonSql = `
CREATE TYPE mood AS ENUM ('sad', 'ok', 'fine');
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN posint AS int CHECK (VALUE > 0) CONSTRAINT small CHECK (VALUE < 100);
CREATE FUNCTION plus_one(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END';
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.n := least(new.n, 1); new.tag := lower(new.tag); RETURN new; END';`

export function randomSchema(random: Random): RandomSchema {
  const tables: RandomTable[] = []
  const statements: string[] = []
  for (let index = 0; index < 2 + random.below(2); index++) {
    const { table, sql } = randomTable(random, index, tables)
    tables.push(table)
    statements.push(...sql)
  }
  return { sql: statements.join(';\n'), tables }
}

function randomTable(random: Random, index: number, before: readonly RandomTable[]) {
  const name = `t${index}`
  const keyCount = random.chance(0.35) ? 2 : 1
  const keys = Array.from({ length: keyCount }, (_, at) => ({ name: `k${at + 1}`, ...random.pick(keyTypes) }))
  const columns: RandomColumn[] = keys.map(({ name: key, values }) => ({
    name: key,
    values: [...values, null],
  }))
  const lines = keys.map(({ name: key, sql }) => `${key} ${sql}`)
  for (const other of others) {
    const required = random.chance(0.04) ? ' NOT NULL' : ''
    lines.push(`${other.name} ${other.sql}${required}`)
    columns.push({ name: other.name, values: other.values })
  }
  lines.push('double int GENERATED ALWAYS AS (n * 2) STORED')
  lines.push(`PRIMARY KEY (${keys.map((key) => key.name).join(', ')})`)
  const isPartitioned = random.chance(0.1)
  if (!isPartitioned) lines.push(...random.some(uniques, 0.14))
  lines.push(...random.some(checks, 0.1).map((check) => `CHECK (${check})`))
  const sql: string[] = []
  const own: RandomTable = { name: `s.${name}`, keys: keys.map((key) => key.name), columns }
  const referenced = [
    ...before.map((table, at) => ({ table, name: `t${at}` })),
    ...(random.chance(0.3) ? [{ table: own, name }] : []),
  ]
  for (const { table, name: target } of random.some(referenced, 0.8)) {
    const names = table.keys.map((key) => `${target}_${key}`)
    const types = table === own ? keys.map((key) => key.sql) : (typesOf.get(table) ?? [])
    for (const [at, key] of names.entries()) {
      lines.push(`${key} ${crossed(random, types[at]!)}`)
      columns.push({ name: key, values: [null, ...table.columns[at]!.values] })
    }
    lines.push(
      `FOREIGN KEY (${names.join(', ')}) REFERENCES ${target}${random.chance(0.25) ? ' MATCH FULL' : ''}${random.pick(['', '', ' ON DELETE RESTRICT', ' ON DELETE CASCADE', ' ON DELETE SET NULL', ' ON UPDATE CASCADE'])}${random.pick(['', '', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED'])}`,
    )
  }
  typesOf.set(
    own,
    keys.map((key) => key.sql),
  )
  sql.push(`CREATE TABLE ${name} (${lines.join(', ')})${isPartitioned ? ` PARTITION BY HASH (k1)` : ''}`)
  if (isPartitioned)
    for (const remainder of [0, 1])
      sql.push(
        `CREATE TABLE ${name}_${remainder} PARTITION OF ${name} FOR VALUES WITH (MODULUS 2, REMAINDER ${remainder})`,
      )
  else for (const index of random.some(indexes, 0.15)) sql.push(`CREATE UNIQUE INDEX ON ${name} ${index}`)
  if (random.chance(0.06))
    sql.push(`CREATE TRIGGER t BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION meddle()`)
  return { table: own, sql }
}

const typesOf = new WeakMap<RandomTable, readonly string[]>()

/** Now and then a reference has another type than what it refers to. */
function crossed(random: Random, type: string): string {
  if (type === 'int' || type === 'posint') return random.pick([type, 'bigint', 'int'])
  return type === 'varchar(4)' ? random.pick([type, 'text', 'char(4)']) : type
}

export type Step =
  | { readonly kind: 'insert'; readonly table: string; readonly row: Readonly<Record<string, string | null>> }
  | {
      readonly kind: 'update'
      readonly table: string
      readonly key: Readonly<Record<string, string | null>>
      readonly set: Readonly<Record<string, string | null>>
    }
  | { readonly kind: 'delete'; readonly table: string; readonly key: Readonly<Record<string, string | null>> }

const keyOf = (random: Random, table: RandomTable) =>
  Object.fromEntries(
    table.keys.map((name) => [name, random.pick(valuesOf(table, name).filter((value) => value !== null))]),
  )

const valuesOf = (table: RandomTable, name: string) =>
  table.columns.find((column) => column.name === name)!.values

/** A row; mostly with plain values, so that not everything is refused for the same reasons. */
function rowOf(random: Random, table: RandomTable): Readonly<Record<string, string | null>> {
  const entries = table.columns.map(({ name, values }) => {
    const isKey = table.keys.includes(name)
    const isNull = !isKey && values.includes(null) && random.chance(0.65)
    const given = values.filter((value) => value !== null)
    return [name, isNull || random.chance(0.01) ? null : random.pick(given)] as const
  })
  return Object.fromEntries(entries)
}

export function randomSteps(random: Random, { tables }: RandomSchema): readonly Step[] {
  const count = random.pick([1, 1, 1, 1, 2, 2, 3])
  return Array.from({ length: count }, (): Step => {
    const table = random.pick(tables)
    const kind = random.pick(['insert', 'insert', 'insert', 'update', 'update', 'delete'] as const)
    if (kind === 'insert') return { kind, table: table.name, row: rowOf(random, table) }
    const key = keyOf(random, table)
    if (kind === 'delete') return { kind, table: table.name, key }
    const row = rowOf(random, table)
    const names = random.some(
      table.columns.filter(({ name }) => random.chance(0.1) || !table.keys.includes(name)),
      0.3,
    )
    const set = Object.fromEntries(
      (names.length > 0 ? names : [table.columns.at(-1)!]).map(({ name }) => [name, row[name]!]),
    )
    return { kind, table: table.name, key, set }
  })
}
