import type { TextRow } from '../../transaction/operation.ts'
import { sampleValue } from './sample-schema.spec-suite.ts'
import type { SampleWorld } from './sample-world.spec-suite.ts'

export interface SampleSelect {
  readonly sql: string
  readonly values: readonly unknown[]
  /** The order of the rows is fixed by the statement. */
  readonly isOrdered: boolean
}

const odd = '"Odd"."Ta""ble é"'

/** Builds random SELECTs over the sample schema; every one is valid on a database that has the rows. */
export class SampleSelects {
  readonly #world: SampleWorld
  #values: unknown[] = []

  constructor(world: SampleWorld) {
    this.#world = world
  }

  next(): SampleSelect {
    this.#values = []
    const random = this.#world.random
    const [sql, isOrdered] = random.pick(this.#forms).call(this)
    return { sql, values: this.#values, isOrdered }
  }

  /** A parameter, or now and then the literal. */
  #value(value: unknown, type = ''): string {
    if (typeof value === 'string' && this.#world.random.chance(0.25))
      return `'${value.replaceAll("'", "''")}'`
    this.#values.push(value)
    return `$${this.#values.length}${type}`
  }

  #sample(table: string, column: string): string {
    let value: string | null = null
    while (value === null) value = sampleValue(this.#world.random, table, column)
    return value
  }

  #key(table: string): TextRow {
    const rows = this.#world.existing(table)
    if (rows.length > 0 && this.#world.random.chance(0.85)) return this.#world.random.pick(rows)
    return { id: this.#sample(table, 'id') }
  }

  /** A condition on `run` under this alias. */
  #runCondition(alias: string): string {
    const { random } = this.#world
    const q = alias === '' ? '' : `${alias}.`
    const run = 'public.run'
    const conditions: (() => string)[] = [
      () => `${q}state = ${this.#value(this.#sample(run, 'state'), '::mood')}`,
      () => `${q}unit_id = ${this.#value(Number(this.#sample(run, 'unit_id')))}`,
      () => `${q}unit_id IN (${random.below(6)}, ${this.#value(this.#sample(run, 'unit_id'))})`,
      () => `${q}unit_id = ANY(${this.#value([1, 2, 3, random.below(12)], '::int[]')})`,
      () => `${q}started > ${this.#value(this.#sample(run, 'started'))}`,
      () => `${q}score BETWEEN ${-random.below(500)} AND ${random.below(900)}`,
      () => `${q}flag`,
      () => `${q}note LIKE '%a%'`,
      () => `${q}tags IS NULL`,
      () => `${q}twice > 10`,
      () => `${q}doc @> '{"a": 1}'`,
      () => `(${q}state = 'done' OR ${q}grade > 2)`,
      () => `NOT ${q}flag`,
      () => `${q}id = ${this.#value(this.#key(run).id, '::uuid')}`,
      () => `EXISTS (SELECT FROM piece p WHERE p.run_id = ${q === '' ? 'run.' : q}id)`,
      () => `${q}unit_id IN (SELECT id FROM unit WHERE phase = 'p1')`,
    ]
    return [random.pick(conditions)(), ...(random.chance(0.4) ? [random.pick(conditions)()] : [])].join(
      ' AND ',
    )
  }

  #page(): string {
    const { random } = this.#world
    const limit = random.chance(0.7) ? ` LIMIT ${random.chance(0.3) ? 1000 : 1 + random.below(8)}` : ''
    return limit + (limit !== '' && random.chance(0.25) ? ` OFFSET ${random.below(5)}` : '')
  }

  #where(alias: string): string {
    return this.#world.random.chance(0.8) ? ` WHERE ${this.#runCondition(alias)}` : ''
  }

  readonly #forms: readonly (() => [string, boolean])[] = [
    () => {
      const sort = this.#world.random.pick([
        'started DESC',
        'score NULLS FIRST',
        'unit_id, note',
        'state DESC',
      ])
      return [`SELECT * FROM run${this.#where('')} ORDER BY ${sort}, id${this.#page()}`, true]
    },
    () => {
      const columns = this.#world.random.pick([
        'id, note',
        'r.*',
        'id, upper(note) AS loud, twice',
        'r',
        'id',
      ])
      const sort = this.#world.random.pick(['started', 'grade', 'r.ratio DESC'])
      return [
        `SELECT ${columns} FROM public.run r${this.#where('r')} ORDER BY ${sort}, r.id DESC${this.#page()}`,
        true,
      ]
    },
    () => {
      const unit = this.#value(Number(this.#sample('public.run', 'unit_id')))
      return [
        `SELECT id, state, started FROM run WHERE unit_id = ${unit} ORDER BY started DESC, id LIMIT 3`,
        true,
      ]
    },
    () => [
      `SELECT id, note FROM run WHERE state = ${this.#value(this.#sample('public.run', 'state'), '::mood')} ORDER BY note, id LIMIT ${1 + this.#world.random.below(5)}`,
      true,
    ],
    () => {
      const unit = this.#value(Number(this.#sample('public.run', 'unit_id')))
      const states = Array.from({ length: 1 + this.#world.random.below(3) }, () =>
        this.#value(this.#sample('public.run', 'state'), '::mood'),
      )
      return [
        `SELECT id, note, started FROM run WHERE state IN (${states.join(', ')}) AND unit_id = ${unit}`,
        false,
      ]
    },
    () => [`SELECT * FROM run WHERE id = ${this.#value(this.#key('public.run').id)}`, false],
    () => [`SELECT public.run.note, public.run.id FROM public.run${this.#where('')}`, false],
    () => {
      const key = this.#key('public.piece')
      const [run, no] = [this.#value(key.run_id ?? this.#key('public.run').id), this.#value(key.no ?? '1')]
      return [`SELECT *, piece.kind || 'x' FROM piece WHERE run_id = ${run} AND no = ${no}`, false]
    },
    () => [
      `SELECT kind, count(*), sum(size), max(no) FROM piece GROUP BY kind HAVING count(*) > 0 ORDER BY kind`,
      false,
    ],
    () => [
      `SELECT state, phase, count(*), sum(score), avg(grade) FROM run LEFT JOIN unit ON unit.id = run.unit_id${this.#where('run')} GROUP BY GROUPING SETS ((state), (phase), ())`,
      false,
    ],
    () => [
      `SELECT u.*, count(r.id) AS n FROM unit u LEFT JOIN run r ON r.unit_id = u.id GROUP BY u.id ORDER BY n DESC, u.id`.replace(
        'u.*',
        'u.id, u.name, u.phase',
      ),
      true,
    ],
    () => [
      `SELECT r.id, r.note, r.twice, u.name, count(p.no) FROM run r JOIN unit u ON u.id = r.unit_id LEFT JOIN piece p ON p.run_id = r.id${this.#where('r')} GROUP BY r.id, u.id ORDER BY r.id`,
      true,
    ],
    () => [
      `WITH big AS (SELECT * FROM run${this.#where('run')}), unit AS (SELECT 1 AS id, 'own' AS name) SELECT big.id, unit.name FROM big LEFT JOIN unit ON unit.id = big.unit_id`,
      false,
    ],
    () => [
      `WITH RECURSIVE up AS (SELECT id, 0 AS level FROM unit WHERE id < 3 UNION ALL SELECT u.id, level + 1 FROM up JOIN unit u ON u.id = up.id + 3 WHERE level < 4) SELECT * FROM up ORDER BY id, level`,
      true,
    ],
    () => [
      `SELECT unit_id FROM run UNION SELECT id FROM unit EXCEPT SELECT unit_id FROM ${odd} ORDER BY 1`,
      true,
    ],
    () => [
      `(SELECT id::text FROM log ORDER BY id, day LIMIT 2) UNION ALL SELECT "Key" FROM ${odd} INTERSECT SELECT "Key" FROM ${odd}`,
      false,
    ],
    () => [
      `SELECT id, row_number() OVER (PARTITION BY state ORDER BY started, id) AS n, sum(score) OVER w FROM run${this.#where('run')} WINDOW w AS (PARTITION BY unit_id)`,
      false,
    ],
    () => [
      `SELECT u.id, x.id AS run, x.score FROM unit u CROSS JOIN LATERAL (SELECT id, score FROM run r WHERE r.unit_id = u.id ORDER BY started, r.id LIMIT 2) x ORDER BY 1, 2`,
      true,
    ],
    () => [
      `SELECT DISTINCT ON (unit_id) unit_id, id, started FROM run${this.#where('')} ORDER BY unit_id, started DESC, id`,
      true,
    ],
    () => [
      `SELECT * FROM unit NATURAL JOIN (SELECT id, msg FROM log) l`.replace('*', 'id, name, msg'),
      false,
    ],
    () => [`SELECT id, name, count(*) FROM unit FULL JOIN log USING (id) GROUP BY id, name`, false],
    () => [`SELECT * FROM ${odd} AS t ("k", s) WHERE s IS NOT NULL ORDER BY "k"${this.#page()}`, true],
    () => [
      `SELECT "Odd"."Ta""ble é"."Key", "Ta""ble é".span FROM ${odd} WHERE unit_id = ${this.#value(this.#world.random.below(12))} ORDER BY "Key" LIMIT 4`,
      true,
    ],
    () => [
      `SELECT * FROM log WHERE day >= ${this.#value(this.#sample('public.log', 'day'))} ORDER BY day, id${this.#page()}`,
      true,
    ],
    () => [`SELECT count(*), max(day), (SELECT count(*) FROM unit) FROM log WHERE msg IS NOT NULL`, false],
    () => [`SELECT * FROM run_view${this.#world.random.chance(0.5) ? ` WHERE state = 'done'` : ''}`, false],
    () => [`SELECT * FROM unit_sum ORDER BY id${this.#page()}`, true],
    () => [`SELECT n.name, max(n.runs) FROM nested n JOIN unit u ON u.name = n.name GROUP BY 1`, false],
    () => [`SELECT b.id, length(b.note) FROM barred b ORDER BY b.id`, true],
    () => [`SELECT row_to_json(u), u FROM unit u ORDER BY u.id${this.#page()}`, true],
    () => [
      `SELECT (SELECT count(*) FROM run r WHERE r.unit_id = u.id) AS n, u.id FROM unit u WHERE u.id = ${this.#value(this.#key('public.unit').id)}`,
      false,
    ],
    () => [
      `SELECT array_agg(id ORDER BY id), bool_or(flag), percentile_disc(0.5) WITHIN GROUP (ORDER BY grade) FROM run${this.#where('run')}`,
      false,
    ],
    () => [
      `SELECT a.id, b.id FROM run a JOIN run b ON a.unit_id = b.unit_id AND a.id < b.id WHERE ${this.#runCondition('a')}`,
      false,
    ],
    () => [`TABLE unit ORDER BY id`, true],
    () => [`VALUES ((SELECT count(*) FROM run)), ((SELECT max(id) FROM unit))`, false],
    () => [
      `SELECT "where", 1 AS "from" FROM (SELECT id AS "where" FROM unit) AS "select" -- WHERE not here\n ORDER BY 1`,
      true,
    ],
    () => [
      `SELECT x.n, u.id FROM ONLY unit u, generate_series(1, 2) AS x(n) WHERE u.phase IS DISTINCT FROM 'p1' ORDER BY 2, 1;`,
      true,
    ],
    () => [
      `SELECT id, doc->'a', score::text, raw, tags[1], ratio, day FROM run WHERE unit_id = ${this.#world.random.below(12)} AND state <> 'done' ORDER BY id FETCH FIRST 3 ROWS ONLY`,
      true,
    ],
  ]
}
