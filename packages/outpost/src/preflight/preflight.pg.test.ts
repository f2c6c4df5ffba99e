import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { OutpostError } from '../errors/outpost-error.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import { TransactionBuilder } from '../transaction/builder.ts'
import { PreflightStage } from './stage.spec-suite.ts'

const schema = `
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE unit (id int PRIMARY KEY, name text UNIQUE, start int, stop int, size positive,
  CONSTRAINT ends_after_start CHECK (stop >= start), CONSTRAINT not_from_the_future CHECK (start < extract(epoch FROM now())));
CREATE TABLE file (id int PRIMARY KEY, unit_id int NOT NULL REFERENCES unit, name text, kind text,
  CONSTRAINT file_name_key UNIQUE (unit_id, name));
CREATE UNIQUE INDEX one_main_file ON file (unit_id) WHERE kind = 'main';
CREATE UNIQUE INDEX file_kind_name ON file (lower(kind), lower(name));
CREATE TABLE slot (a int, b int, one int UNIQUE NULLS NOT DISTINCT, PRIMARY KEY (a, b));
CREATE TABLE booking (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES slot MATCH FULL);
CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node);
CREATE TABLE part (id int PRIMARY KEY, whole int REFERENCES node ON DELETE CASCADE, name text UNIQUE);
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.name := upper(new.name); RETURN new; END';
CREATE TABLE loud (id int PRIMARY KEY, name text UNIQUE CHECK (name <> 'silent'));
CREATE TRIGGER t BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout();
INSERT INTO unit VALUES (1, 'one', 5, NULL), (2, 'two', 5, 9);
INSERT INTO file VALUES (1, 1, 'a', 'main'), (2, 1, 'b', NULL);
INSERT INTO slot VALUES (1, 1, NULL), (1, 2, 5);
INSERT INTO node VALUES (1, NULL), (2, 1);
INSERT INTO part VALUES (1, 1, 'wheel');`

describeEachPostgres('pre-flight', (version) => {
  const server = useServer(version)
  let base: pg.Client
  let truth: pg.Client
  let catalog: Catalog
  let stage: PreflightStage
  const drops: (() => Promise<void>)[] = []

  const write = (steps: (tx: TransactionBuilder) => void) => {
    const transaction = new TransactionBuilder(catalog)
    steps(transaction)
    return transaction
  }
  const judged = async (steps: (tx: TransactionBuilder) => void) => await stage.judge(write(steps))
  const pend = async (steps: (tx: TransactionBuilder) => void) =>
    expect(await stage.pend(write(steps).build().operations)).toBe(true)
  const refusal = (code: string, constraint: string, more: object = {}) =>
    expect.objectContaining({ code, details: expect.objectContaining({ constraint, ...more }) })

  beforeAll(async () => {
    const connect = async () => {
      const database = await freshDatabase(server())
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      await client.query(schema)
      drops.push(async () => {
        await client.end()
        await database.drop()
      })
      return client
    }
    base = await connect()
    truth = await connect()
    catalog = await introspect(base)
  })
  afterAll(async () => {
    for (const drop of drops) await drop()
  })
  beforeEach(async () => {
    const reset = `TRUNCATE unit, file, slot, booking, node, part, loud; ${schema.slice(schema.indexOf('INSERT INTO unit'))}`
    for (const client of [base, truth]) await client.query(reset)
    stage = new PreflightStage(base, truth, catalog)
  })

  it('P9: refuses what a row breaks by itself, judged by PostgreSQL, of an insert and of an update', async () => {
    expect(await judged((tx) => tx.insert('unit', { id: 3, start: 5, stop: 4 }))).toEqual(
      refusal('check_failed', 'ends_after_start', { columns: ['stop', 'start'] }),
    )
    expect(await judged((tx) => tx.update('unit', { id: 1 }, { stop: 4 }))).toEqual(
      refusal('check_failed', 'ends_after_start'),
    )
    expect(await judged((tx) => tx.insert('unit', { id: 3, size: 0 }))).toEqual(
      refusal('check_failed', 'positive_check'),
    )
    await pend((tx) => tx.update('unit', { id: 1 }, { start: 3 }))
    expect(await judged((tx) => tx.update('unit', { id: 1 }, { stop: 4 }))).toBe('checked')
  })

  it('leaves to main a rule that another moment may judge otherwise', async () => {
    expect(await judged((tx) => tx.insert('unit', { id: 3, start: 2_147_483_647 }))).toBe('checked')
  })

  it('names the row that has the value, and where it is', async () => {
    const taken = await judged((tx) => tx.insert('unit', { id: 3, name: 'one' }))
    expect(taken).toEqual(
      refusal('already_exists', 'unit_name_key', {
        conflict: { table: 'public.unit', key: { id: '1' }, pending: false },
      }),
    )
    await pend((tx) => tx.insert('unit', { id: 4, name: 'four' }))
    const pending = await judged((tx) => tx.insert('unit', { id: 5, name: 'four' }))
    expect(pending).toEqual(refusal('already_exists', 'unit_name_key'))
    expect((pending as OutpostError).details.conflict).toMatchObject({
      key: { id: '4' },
      pending: true,
      transaction_state: 'buffered',
    })
    expect(await judged((tx) => tx.insert('unit', { id: 1 }))).toEqual(refusal('already_exists', 'unit_pkey'))
    expect((taken as OutpostError).status).toBe(409)
  })

  it('knows keys that a pending transaction, or the transaction itself, frees', async () => {
    await pend((tx) => tx.update('unit', { id: 1 }, { name: 'uno' }))
    expect(await judged((tx) => tx.insert('unit', { id: 3, name: 'one' }))).toBe('checked')
    expect(await judged((tx) => tx.insert('unit', { id: 3, name: 'uno' }))).toEqual(
      refusal('already_exists', 'unit_name_key'),
    )
    const moved = await judged((tx) => {
      tx.delete('unit', { id: 2 })
      tx.insert('unit', { id: 3, name: 'two' })
    })
    expect(moved).toBe('checked')
    const twice = await judged((tx) =>
      tx.insertMany('unit', [
        { id: 3, name: 'x' },
        { id: 4, name: 'x' },
      ]),
    )
    expect(twice).toEqual(refusal('already_exists', 'unit_name_key'))
  })

  it('judges keys of several columns, partial ones, expressions and nulls that are not distinct', async () => {
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 1, name: 'a' }))).toEqual(
      refusal('already_exists', 'file_name_key'),
    )
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 2, name: 'a' }))).toBe('checked')
    expect(await judged((tx) => tx.update('file', { id: 2 }, { name: 'a' }))).toEqual(
      refusal('already_exists', 'file_name_key'),
    )
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 1, kind: 'main' }))).toEqual(
      refusal('already_exists', 'one_main_file'),
    )
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 1, kind: 'other' }))).toBe('checked')
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 2, kind: 'MAIN', name: 'A' }))).toEqual(
      refusal('already_exists', 'file_kind_name'),
    )
    expect(await judged((tx) => tx.insert('slot', { a: 2, b: 2 }))).toEqual(
      refusal('already_exists', 'slot_one_key'),
    )
    expect(await judged((tx) => tx.insert('slot', { a: 1, b: 1, one: 3 }))).toEqual(
      refusal('already_exists', 'slot_pkey'),
    )
    expect(await judged((tx) => tx.update('slot', { a: 1, b: 1 }, { one: null }))).toBe('checked')
  })

  it('looks for the rows that are referred to, also pending and deleted ones and those of the transaction itself', async () => {
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 3 }))).toEqual(
      refusal('reference_missing', 'file_unit_id_fkey', { references: 'public.unit' }),
    )
    await pend((tx) => tx.insert('unit', { id: 3 }))
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 3 }))).toBe('checked')
    await pend((tx) => tx.delete('unit', { id: 2 }))
    expect(await judged((tx) => tx.insert('file', { id: 3, unit_id: 2 }))).toEqual(
      refusal('reference_missing', 'file_unit_id_fkey'),
    )
    const both = await judged((tx) => {
      const unit = tx.insert('unit', { id: 9 })
      tx.insert('file', { id: 9, unit_id: unit })
    })
    expect(both).toBe('checked')
    expect(await judged((tx) => tx.insert('node', { id: 9, parent: 9 }))).toBe('checked')
    expect(await judged((tx) => tx.insert('booking', { id: 1, a: 1, b: 1 }))).toBe('checked')
    expect(await judged((tx) => tx.insert('booking', { id: 1, a: 1, b: 9 }))).toEqual(
      refusal('reference_missing', 'booking_a_b_fkey'),
    )
    expect(await judged((tx) => tx.insert('booking', { id: 1, a: 1 }))).toEqual(
      refusal('reference_missing', 'booking_a_b_fkey'),
    )
    expect(await judged((tx) => tx.insert('booking', { id: 1 }))).toBe('checked')
  })

  it('refuses to take away a row that others refer to', async () => {
    expect(await judged((tx) => tx.delete('unit', { id: 1 }))).toEqual(
      refusal('reference_in_use', 'file_unit_id_fkey', {
        conflict: { table: 'public.file', key: { id: '1' }, pending: false },
      }),
    )
    expect(await judged((tx) => tx.delete('unit', { id: 2 }))).toBe('checked')
    const all = await judged((tx) => {
      tx.delete('file', { id: 1 })
      tx.update('file', { id: 2 }, { unit_id: 2 })
      tx.delete('unit', { id: 1 })
    })
    expect(all).toBe('checked')
  })

  it('says nothing of what a trigger or a cascade may change', async () => {
    expect(await judged((tx) => tx.insert('loud', { id: 1, name: 'silent' }))).toBe('checked')
    expect(await judged((tx) => tx.insert('part', { id: 2, name: 'wheel' }))).toEqual(
      refusal('already_exists', 'part_name_key'),
    )
    await pend((tx) => tx.delete('node', { id: 2 }))
    expect(await judged((tx) => tx.insert('part', { id: 2, name: 'wheel' }))).toBe('checked')
    await pend((tx) => tx.insert('loud', { id: 7, name: 'x' }))
    expect(await judged((tx) => tx.insert('unit', { id: 1 }))).toBe('checked')
    expect(await judged((tx) => tx.insert('unit', { id: 3, size: 0 }))).toEqual(
      refusal('check_failed', 'positive_check'),
    )
  })

  it('P5: a row of a transaction that main refused stands in nobody’s way', async () => {
    await pend((tx) => tx.insert('unit', { id: 3, name: 'three' }))
    expect(await judged((tx) => tx.insert('unit', { id: 4, name: 'three' }))).toEqual(
      refusal('already_exists', 'unit_name_key'),
    )
    stage.journal.setState(1, 'rejected')
    expect(await judged((tx) => tx.insert('unit', { id: 4, name: 'three' }))).toBe('checked')
    const waiting = write((tx) => tx.insert('file', { id: 3, unit_id: 77 }))
    expect(await stage.judge(waiting, () => true)).toBe('checked')
  })

  it('P2: what nobody answers in time is accepted as shape only, and what needs nobody is refused', async () => {
    const silent = new PreflightStage(base, truth, catalog, {
      budgetMs: 20,
      read: () => new Promise(() => undefined),
    })
    const bad = write((tx) => tx.insert('unit', { id: 1, size: 0 }))
    expect(await silent.judge(bad)).toBe('shape_only')
    expect(await silent.judge(write((tx) => tx.insert('booking', { id: 1, a: 1 })))).toEqual(
      refusal('reference_missing', 'booking_a_b_fkey'),
    )
    const failing = new PreflightStage(base, truth, catalog, {
      read: () => Promise.reject(new Error('away')),
    })
    expect(await failing.judge(bad)).toBe('shape_only')
    expect(failing.failures.length).toBeGreaterThan(0)
  })

  it('asks main before it refuses by the word of a replica that may be behind', async () => {
    const nodes: string[] = []
    const behind: PreflightStage = new PreflightStage(base, truth, catalog, {
      canAskMain: () => true,
      read: async (sql, values, { node }) => {
        nodes.push(node)
        return node === 'main' ? await truth.query(sql, [...values]) : await behind.read(sql, values)
      },
    })
    await truth.query("INSERT INTO unit VALUES (8, 'eight')")
    expect(await behind.judge(write((tx) => tx.insert('file', { id: 3, unit_id: 8 })))).toBe('checked')
    expect(await behind.judge(write((tx) => tx.insert('file', { id: 3, unit_id: 99 })))).toEqual(
      refusal('reference_missing', 'file_unit_id_fkey', { confirmed_by_main: true }),
    )
    nodes.length = 0
    expect(await behind.judge(write((tx) => tx.insert('unit', { id: 11, size: 0 })))).toEqual(
      refusal('check_failed', 'positive_check'),
    )
    expect(new Set(nodes)).toEqual(new Set(['replica']))
  })

  it('shares the statements of many at once, and tells each its own', async () => {
    const numbers = Array.from({ length: 40 }, (_, index) => index)
    const judged = await Promise.all(
      numbers.map((number) => {
        const size = number % 3 === 0 ? 0 : 1
        return stage
          .judge(
            write((tx) =>
              tx.insert('file', {
                id: 100 + number,
                unit_id: number % 5 === 0 ? 99 : 1,
                name: `n${number % 7}`,
                kind: number % 2 === 0 ? 'main' : null,
              }),
            ),
          )
          .then(async (file) => [
            file,
            await stage.judge(write((tx) => tx.insert('unit', { id: 100 + number, size }))),
          ])
      }),
    )
    const codes = judged.map((both) =>
      both.map((each) => (typeof each === 'string' ? each : each.details.constraint)),
    )
    expect(codes).toEqual(
      numbers.map((number) => [
        number % 5 === 0 ? 'file_unit_id_fkey' : number % 2 === 0 ? 'one_main_file' : 'checked',
        number % 3 === 0 ? 'positive_check' : 'checked',
      ]),
    )
    expect(stage.statements.length).toBeLessThan(numbers.length * 2)
  })

  it('remembers references for as long as it is told to, and looks for no id that it made', async () => {
    const trusting = new PreflightStage(base, truth, catalog, { trustReferencesMs: 60_000 })
    await trusting.judge(write((tx) => tx.insert('file', { id: 3, unit_id: 1 })))
    trusting.statements.length = 0
    await trusting.judge(write((tx) => tx.insert('file', { id: 4, unit_id: 1 })))
    expect(trusting.statements.filter((sql) => sql.includes('FROM public.unit'))).toEqual([])
  })
})
