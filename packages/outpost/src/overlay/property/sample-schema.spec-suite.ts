import type { Catalog } from '../../postgres/catalog.ts'
import type { TextRow, TextValue } from '../../transaction/operation.ts'
import type { Random } from './random.spec-suite.ts'

/** Tables of every kind that an overlay meets: key types, generated columns, domains, partitions, odd names, views. */
export const sampleSchema = `
  CREATE SCHEMA "Odd";
  CREATE TYPE mood AS ENUM ('planned', 'running', 'done', 'it''s off');
  CREATE DOMAIN grade AS int NOT NULL CHECK (VALUE >= 0);
  CREATE TABLE unit (id int PRIMARY KEY, name text NOT NULL, phase text, doc json);
  CREATE TABLE run (
    id uuid PRIMARY KEY, unit_id int, gone int, state mood NOT NULL, started timestamptz NOT NULL, score numeric(10,2),
    ratio float8, tags text[], doc jsonb, note varchar(20), flag boolean, grade grade, raw bytea, day date,
    twice numeric GENERATED ALWAYS AS (score * 2) STORED);
  ALTER TABLE run DROP COLUMN gone;
  CREATE INDEX ON run (unit_id, started);
  CREATE INDEX ON run (state);
  CREATE TABLE piece (run_id uuid, no int, kind text COLLATE "C", size int8, PRIMARY KEY (run_id, no));
  CREATE INDEX ON piece (kind);
  CREATE TABLE log (id int, day date, msg text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE log_a PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
  CREATE TABLE log_b PARTITION OF log DEFAULT;
  CREATE TABLE "Odd"."Ta""ble é" (
    "Key" text PRIMARY KEY, "select" int, span interval, during int4range, unit_id int, moods mood[]);
  CREATE INDEX ON "Odd"."Ta""ble é" (unit_id);
  CREATE VIEW run_view AS SELECT r.id, r.state, u.name, r.score FROM run r LEFT JOIN unit u ON u.id = r.unit_id;
  CREATE VIEW unit_sum AS
    SELECT u.id, u.name, u.phase, count(r.id) AS runs, sum(r.score) AS total
    FROM unit u LEFT JOIN run r ON r.unit_id = u.id GROUP BY u.id;
  CREATE VIEW nested AS SELECT v.name, v.state, s.runs FROM run_view v JOIN unit_sum s ON s.name = v.name;
  CREATE VIEW barred WITH (security_barrier) AS SELECT id, note FROM run WHERE flag;
`

export interface SampleTable {
  readonly name: string
  readonly keys: readonly string[]
  readonly columns: readonly string[]
}

export const sampleTables: readonly SampleTable[] = [
  { name: 'public.unit', keys: ['id'], columns: ['id', 'name', 'phase', 'doc'] },
  {
    name: 'public.run',
    keys: ['id'],
    columns: [
      'id',
      'unit_id',
      'state',
      'started',
      'score',
      'ratio',
      'tags',
      'doc',
      'note',
      'flag',
      'grade',
      'raw',
      'day',
    ],
  },
  { name: 'public.piece', keys: ['run_id', 'no'], columns: ['run_id', 'no', 'kind', 'size'] },
  { name: 'public.log', keys: ['id', 'day'], columns: ['id', 'day', 'msg'] },
  {
    name: '"Odd"."Ta""ble é"',
    keys: ['Key'],
    columns: ['Key', 'select', 'span', 'during', 'unit_id', 'moods'],
  },
]

const words = [
  'alpha',
  'beta',
  'gamma delta',
  "o'clock",
  'ü "quoted"',
  'a,b',
  '{x}',
  '(y)',
  'back\\slash',
  '',
]
const kinds = ['raw', 'cal', 'sci', 'log']

const orNull = (random: Random, probability: number, value: () => string): TextValue =>
  random.chance(probability) ? null : value()

const two = (value: number): string => String(value).padStart(2, '0')

const day = (random: Random): string => `2024-${two(1 + random.below(12))}-${two(1 + random.below(28))}`

/** A random value of a column, as PostgreSQL writes it. Few distinct ones, so that predicates and joins meet. */
export function sampleValue(random: Random, table: string, column: string): TextValue {
  switch (`${table} ${column}`) {
    case 'public.run id':
    case 'public.piece run_id':
      return random.uuid()
    case 'public.unit doc':
      return orNull(random, 0.3, () => `{"n": ${random.below(3)}}`)
    case '"Odd"."Ta""ble é" moods':
      return orNull(random, 0.3, () => random.pick(['{}', '{planned,done}', '{"it\'s off",NULL}']))
  }
  switch (column) {
    case 'id':
      return String(random.below(40))
    case 'no':
      return String(random.below(3))
    case 'unit_id':
      return orNull(random, 0.1, () => String(random.below(12)))
    case 'name':
      return `unit ${random.pick(words)}`
    case 'phase':
      return orNull(random, 0.3, () => random.pick(['p0', 'p1', 'p2']))
    case 'state':
      return random.pick(['planned', 'running', 'done', "it's off"])
    case 'started':
      return `${day(random)} ${two(random.below(24))}:00:00${random.pick(['+00', '.5+00', '.123456+00'])}`
    case 'score':
      return orNull(random, 0.2, () => `${random.below(2000) - 1000}.${two(random.below(100))}`)
    case 'ratio':
      return orNull(random, 0.2, () => random.pick(['0', '1.5', '-2.25', '1e+100', 'NaN', 'Infinity', '0.1']))
    case 'tags':
      return orNull(random, 0.3, () => random.pick(['{}', '{a,b}', '{"a,b",NULL,"q\\"q"}', '{{a,b},{c,d}}']))
    case 'doc':
      return orNull(random, 0.3, () =>
        random.pick(['{"a": 1, "b": [1, 2]}', '[]', '"ü"', '{"a": null}', '12.50']),
      )
    case 'note':
      return orNull(random, 0.3, () => random.pick(words))
    case 'flag':
      return orNull(random, 0.2, () => random.pick(['t', 'f']))
    case 'grade':
      return String(random.below(5))
    case 'raw':
      return orNull(random, 0.5, () => random.pick(['\\x', '\\x00ff10', '\\x5c7822']))
    case 'day':
      return day(random)
    case 'kind':
      return orNull(random, 0.1, () => random.pick(kinds))
    case 'size':
      return orNull(random, 0.1, () => random.pick(['0', '9007199254740993', '-5', '100']))
    case 'msg':
      return orNull(random, 0.2, () => random.pick(words))
    case 'Key':
      return random.pick(words) + String(random.below(4))
    case 'select':
      return orNull(random, 0.2, () => String(random.below(5)))
    case 'span':
      return orNull(random, 0.2, () => random.pick(['01:00:00', '1 day 02:03:04', '-3 mons']))
    case 'during':
      return orNull(random, 0.2, () => random.pick(['empty', '[1,5)', '(,3)', '[7,)']))
    default:
      throw new Error(`No sample for ${table}.${column}`)
  }
}

export function sampleRow(random: Random, table: SampleTable): TextRow {
  return Object.fromEntries(table.columns.map((column) => [column, sampleValue(random, table.name, column)]))
}

/** The catalog with a unique key that random rows would break: it only decides what pending rows are found by. */
export function withSampleKey(catalog: Catalog): Catalog {
  const run = catalog.tables.get('public.run')!
  const uniqueKeys = [{ name: 'run_key', columns: ['unit_id', 'state'], nullsNotDistinct: false }]
  return { ...catalog, tables: new Map([...catalog.tables, [run.name, { ...run, uniqueKeys }]]) }
}
