import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { OpenMainSession } from '../applier/main-session.ts'
import type { SchemaStep } from '../schema/schema-step.ts'
import { ChangingSchema } from './schema-change.spec-suite.ts'

interface Case {
  readonly what: string
  readonly sql: string
  readonly lift: readonly SchemaStep[]
  /** On main, when the backlog has drained. */
  readonly expected: readonly (readonly [sql: string, rows: readonly unknown[]])[]
}

const note = (id: number, more: object) => ({ id, text: `note ${id}`, ...more })

const cases: readonly Case[] = [
  {
    what: 'a column added that has no default',
    sql: 'ALTER TABLE note ADD COLUMN weight integer; UPDATE note SET weight = 1; ALTER TABLE note ALTER COLUMN weight SET NOT NULL',
    lift: [{ kind: 'add_column', table: 'public.note', column: 'weight', value: '1' }],
    expected: [
      [
        'SELECT id, text, size, weight FROM note ORDER BY id',
        [
          note(1, { size: 5, weight: 1 }),
          note(2, { size: 7, weight: 1 }),
          note(3, { size: null, weight: 1 }),
        ],
      ],
    ],
  },
  {
    what: 'a column renamed',
    sql: 'ALTER TABLE note RENAME COLUMN size TO extent',
    lift: [{ kind: 'rename_column', table: 'public.note', column: 'size', to: 'extent' }],
    expected: [
      [
        'SELECT id, text, extent FROM note ORDER BY id',
        [note(1, { extent: 5 }), note(2, { extent: 7 }), note(3, { extent: null })],
      ],
    ],
  },
  {
    what: 'a primary key renamed',
    sql: 'ALTER TABLE note RENAME COLUMN id TO note_number',
    lift: [{ kind: 'rename_column', table: 'public.note', column: 'id', to: 'note_number' }],
    expected: [
      [
        'SELECT note_number, size FROM note ORDER BY note_number',
        [
          { note_number: 1, size: 5 },
          { note_number: 2, size: 7 },
          { note_number: 3, size: null },
        ],
      ],
    ],
  },
  {
    what: 'a table renamed',
    sql: 'ALTER TABLE note RENAME TO remark',
    lift: [{ kind: 'rename_table', table: 'public.note', to: 'public.remark' }],
    expected: [
      [
        'SELECT id, text, size FROM remark ORDER BY id',
        [note(1, { size: 5 }), note(2, { size: 7 }), note(3, { size: null })],
      ],
      ['SELECT id, note_id FROM mark', [{ id: 1, note_id: 2 }]],
    ],
  },
  {
    what: 'a column dropped that has values',
    sql: 'ALTER TABLE note DROP COLUMN size',
    lift: [{ kind: 'drop_column', table: 'public.note', column: 'size' }],
    expected: [['SELECT id, text FROM note ORDER BY id', [note(1, {}), note(2, {}), note(3, {})]]],
  },
  {
    what: 'a column made NOT NULL',
    sql: 'UPDATE note SET size = 0 WHERE size IS NULL; ALTER TABLE note ALTER COLUMN size SET NOT NULL',
    lift: [{ kind: 'fill_null', table: 'public.note', column: 'size', value: '0' }],
    expected: [
      [
        'SELECT id, text, size FROM note ORDER BY id',
        [note(1, { size: 5 }), note(2, { size: 7 }), note(3, { size: 0 })],
      ],
    ],
  },
  {
    what: 'a table split',
    sql: `CREATE TABLE extent (note_id integer PRIMARY KEY REFERENCES note (id), amount integer);
          INSERT INTO extent SELECT id, size FROM note; ALTER TABLE note DROP COLUMN size`,
    lift: [
      {
        kind: 'split_table',
        table: 'public.note',
        to: 'public.extent',
        columns: { size: 'amount' },
        key: { id: 'note_id' },
      },
    ],
    expected: [
      ['SELECT id, text FROM note ORDER BY id', [note(1, {}), note(2, {}), note(3, {})]],
      [
        'SELECT note_id, amount FROM extent ORDER BY note_id',
        [
          { note_id: 1, amount: 5 },
          { note_id: 2, amount: 7 },
          { note_id: 3, amount: null },
        ],
      ],
    ],
  },
]

describeEachPostgres('a migration with a full journal', (pg) => {
  let world: ChangingSchema

  /** Called behind each CALL that main has answered; what it throws the site takes for a lost answer. */
  let onAnswer: () => Promise<void>

  const sessions = (open: OpenMainSession): OpenMainSession => {
    return async (signal) => {
      const session = await open(signal)
      return new Proxy(session, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return async (...values: unknown[]) => {
            const answer: unknown = await Reflect.apply(value, target, values)
            if (name === 'apply') await onAnswer()
            return answer
          }
        },
      })
    }
  }

  beforeEach(async () => {
    onAnswer = () => Promise.resolve()
    world = await ChangingSchema.start(pg, { sessions })
  })
  afterEach(async () => await world.stop())

  /** One row that main has, and a backlog that changes it and adds two more. */
  async function backlog() {
    const first = await world.insert('note', { id: 1, text: 'note 1', size: 4 })
    await first.replicated()
    world.link.cut()
    return [
      await world.update('note', 1, { size: 5 }),
      await world.insert('note', { id: 2, text: 'note 2', size: 6 }),
      await world.insert('note', { id: 3, text: 'note 3' }),
      await world.update('note', 2, { size: 7 }),
      await world.insert('mark', { id: 1, note_id: 2, kind: 'red' }),
    ]
  }

  it.each(cases)(
    'N6, N19, P2, P3, P6: the backlog is read and applied, once, in the new form: $what',
    async ({ sql, lift, expected }) => {
      const receipts = await backlog()
      const before = await world.site.read('SELECT id, size FROM note ORDER BY id')
      expect(before.rows).toEqual([
        { id: 1, size: 5 },
        { id: 2, size: 7 },
        { id: 3, size: null },
      ])
      await world.install({ sql, lift })
      for (const [query, rows] of expected) {
        const during = await world.site.read(query)
        expect({ rows: during.rows, by: during.servedBy }).toEqual({ rows, by: 'replica' })
      }
      world.link.restore()
      for (const receipt of receipts) await receipt.replicated()
      for (const [query, rows] of expected) expect((await world.site.read(query)).rows).toEqual(rows)
      for (const [query, rows] of expected) expect(await world.onMain(query)).toEqual(rows)
      const versions = await world.onMain(
        'SELECT schema_version::integer AS v FROM outpost.ledger ORDER BY seq',
      )
      expect(versions).toEqual([1, 2, 2, 2, 2, 2].map((v) => ({ v })))
    },
  )

  it('N19, P2, P3: a migration reverted: what was recorded under it is read and applied in the form before it', async () => {
    await (await world.insert('note', { id: 9, text: 'note 9' })).replicated()
    await world.install({
      sql: 'ALTER TABLE note RENAME COLUMN size TO extent; ALTER TABLE note ADD COLUMN weight integer',
      down: 'ALTER TABLE note DROP COLUMN weight; ALTER TABLE note RENAME COLUMN extent TO size',
      lift: [
        { kind: 'rename_column', table: 'public.note', column: 'size', to: 'extent' },
        { kind: 'add_column', table: 'public.note', column: 'weight', value: null },
      ],
    })
    world.link.cut()
    // A read makes the site look at its table definitions again; nothing is pending.
    expect((await world.site.read('SELECT extent FROM note')).rows).toEqual([{ extent: null }])
    const receipt = await world.insert('note', { id: 1, text: 'note 1', extent: 5, weight: 9 })
    await world.revert()
    const rows = [note(1, { size: 5, mood: null }), note(9, { size: null, mood: null })]
    expect((await world.site.read('SELECT * FROM note ORDER BY id')).rows).toEqual(rows)
    world.link.restore()
    await receipt.replicated()
    expect(await world.onMain('SELECT * FROM note ORDER BY id')).toEqual(rows)
  })

  it('P5: a renamed column that nobody told of rejects what names it, with its name, and nothing else', async () => {
    const [, sized] = await backlog()
    await world.install({ sql: 'ALTER TABLE note RENAME COLUMN size TO extent' })
    world.link.restore()
    await expect(sized!.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    expect((await world.site.transactionById(sized!.transactionId))?.status).toMatchObject({
      sqlstate: '42703',
      message: 'column size of table note does not exist',
    })
  })

  it('P5: a write that a migration gives no meaning is rejected with the reason that the migration tells', async () => {
    const [, sized, plain] = await backlog()
    const reason = 'Sizes are measured anew since 2027.'
    await world.install({
      sql: 'ALTER TABLE note DROP COLUMN size',
      lift: [{ kind: 'refuse', table: 'public.note', column: 'size', reason }],
    })
    world.link.restore()
    await plain!.replicated()
    await expect(sized!.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    const view = await world.site.transactionById(sized!.transactionId)
    expect(view?.status).toMatchObject({ sqlstate: 'OP021', message: reason })
  })

  it('P3, E17: what was applied before the migration and is sent again after it, in another form, is applied once', async () => {
    const receipts = await backlog()
    let lost = 0
    onAnswer = async () => {
      if ((await world.onMain('SELECT FROM outpost.ledger')).length < 6 || lost > 0) return
      lost += 1
      await world.install({
        sql: 'ALTER TABLE note RENAME COLUMN size TO extent; ALTER TABLE note RENAME TO remark',
        lift: [
          { kind: 'rename_column', table: 'public.note', column: 'size', to: 'extent' },
          { kind: 'rename_table', table: 'public.note', to: 'public.remark' },
        ],
      })
      throw Object.assign(new Error('the answer is lost'), { code: 'ECONNRESET' })
    }
    world.link.restore()
    for (const receipt of receipts) await receipt.replicated()
    expect(lost).toBe(1)
    expect(await world.onMain('SELECT id, extent FROM remark ORDER BY id')).toEqual([
      { id: 1, extent: 5 },
      { id: 2, extent: 7 },
      { id: 3, extent: null },
    ])
    const rows = await world.onMain(
      'SELECT outcome, schema_version::integer AS v FROM outpost.ledger ORDER BY seq',
    )
    expect(rows).toEqual(Array.from({ length: 6 }, () => ({ outcome: 'applied', v: 1 })))
    const { problems } = await world.site.health()
    expect(problems.filter(({ code }) => code === 'digest_differs')).toEqual([])
  })

  it.each([
    {
      what: 'another name',
      sql: 'ALTER TABLE mark RENAME COLUMN kind TO colour',
      step: { kind: 'rename_column', table: 'public.mark', column: 'kind', to: 'colour' },
      expected: { id: 1, note_id: 1, colour: 'red' },
    },
    {
      what: 'other values',
      sql: `UPDATE mark SET kind = 'rouge' WHERE kind = 'red'`,
      step: { kind: 'map_values', table: 'public.mark', column: 'kind', values: { red: 'rouge' } },
      expected: { id: 1, note_id: 1, kind: 'rouge' },
    },
  ])('N6, P3: a migration that commits under a CALL leaves nothing in the old form: $what', async (given) => {
    await (await world.insert('note', { id: 1, text: 'note 1' })).replicated()
    world.link.cut()
    const receipts = [await world.insert('mark', { id: 1, note_id: 1, kind: 'red' })]
    const migration = await world.cluster.primary.connect()
    await migration.query('BEGIN; LOCK TABLE mark IN ACCESS EXCLUSIVE MODE')
    world.link.restore()
    // The CALL was made for the old schema and waits in the middle of its group.
    await waitFor(
      async () =>
        (await world.onMain(`SELECT FROM pg_locks WHERE NOT granted AND relation = 'mark'::regclass`))
          .length > 0,
      { what: 'a CALL that waits for the migration' },
    )
    await migration.query(given.sql)
    await migration.query(`SELECT outpost.note_schema_change('app', 2, 'app 2', $1)`, [
      JSON.stringify([given.step]),
    ])
    await migration.query('COMMIT')
    await migration.end()
    for (const receipt of receipts) await receipt.replicated()
    expect(await world.onMain('SELECT * FROM mark')).toEqual([given.expected])
    expect(await world.onMain(`SELECT FROM outpost.ledger WHERE outcome = 'rejected'`)).toEqual([])
  })

  it('P3: a migration that changes values waits for what a CALL has written of them and not committed', async () => {
    await (await world.insert('note', { id: 1, text: 'note 1' })).replicated()
    const [other, gate] = [await world.cluster.primary.connect(), await world.cluster.primary.connect()]
    await other.query(`BEGIN; INSERT INTO note (id, text) VALUES (2, 'not yet')`)
    await gate.query('SELECT pg_advisory_lock(7)')
    const write = world.site.transaction()
    write.insert('mark', { id: 1, note_id: 1, kind: 'red' })
    write.insert('note', { id: 2, text: 'note 2' })
    const receipt = await world.site.append(write)
    const isWaiting = async (what: string, where: string) =>
      await waitFor(
        async () => (await world.onMain(`SELECT FROM pg_locks WHERE NOT granted AND (${where})`)).length > 0,
        { what },
      )
    await isWaiting('a CALL behind the other insert', `locktype = 'transactionid'`)
    const installed = world.install({
      sql: `UPDATE mark SET kind = 'rouge' WHERE kind = 'red'; SELECT pg_advisory_xact_lock(7)`,
      lift: [{ kind: 'map_values', table: 'public.mark', column: 'kind', values: { red: 'rouge' } }],
    })
    await isWaiting('the migration', `locktype = 'advisory' OR relation = 'mark'::regclass`)
    await other.query('ROLLBACK')
    await receipt.applied()
    await gate.query('SELECT pg_advisory_unlock(7)')
    await installed
    await Promise.all([other.end(), gate.end()])
    expect(await world.onMain('SELECT kind FROM mark')).toEqual([{ kind: 'rouge' }])
  })

  it('N9: a write under the new name of a table waits for the elder one under its old name, also after a restart', async () => {
    const [, sized] = await backlog()
    await world.install({
      sql: 'ALTER TABLE note RENAME TO remark',
      lift: [{ kind: 'rename_table', table: 'public.note', to: 'public.remark' }],
    })
    await world.site.read('SELECT id FROM remark')
    const dependence = async () => {
      const later = await world.update('remark', 2, { mood: 'fine' })
      const view = await world.site.transactionById(later.transactionId)
      return view?.record.dependsOn
    }
    const { seq } = (await world.site.transactionById(sized!.transactionId))!.record
    // The elder change of the row, which itself waits for the row.
    expect(await dependence()).toEqual([seq + 2])
    await world.site.stop()
    await world.open({ sessions })
    expect((await world.site.read('SELECT id, size FROM remark ORDER BY id')).rows).toEqual([
      { id: 1, size: 5 },
      { id: 2, size: 7 },
      { id: 3, size: null },
    ])
    expect(await dependence()).toEqual([seq + 4])
  })
})
