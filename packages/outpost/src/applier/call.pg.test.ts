import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type PlannedTransaction, planBatch } from '../ledger/batch-plan.ts'
import { tableRules } from '../ledger/table-rules.ts'
import type { Operation } from '../transaction/operation.ts'
import { file, finish, openTestMain, type TestMain, unit } from './real-site.spec-suite.ts'

/** Reaching an answer alone is no proof of a flush: the WAL writer must not come round in between. */
const lazyWalWriter = { wal_writer_delay: '10s' }
/** One transaction a group, and all in one. */
const groupSizes = [1, 100]

describeEachPostgres('one CALL of the apply procedure', (pg) => {
  const server = useServer(pg, { config: lazyWalWriter })
  let main: TestMain
  let epoch: string

  beforeEach(async () => {
    main = await openTestMain(server())
    epoch = randomUUID()
  })
  afterEach(() => main.close())

  const hello = async (): Promise<{ term: number; lineage: string }> => {
    const [row] = await main.query(`SELECT outpost.hello('observatory', $1) AS answer`, [epoch])
    return row!.answer as { term: number; lineage: string }
  }
  const transaction = (
    seq: number,
    operations: readonly Operation[],
    dependsOn: readonly number[] = [],
  ): PlannedTransaction => ({
    seq,
    id: randomUUID(),
    digest: '00',
    bufferedAtMs: Date.UTC(2026, 0, 1),
    operations,
    epoch,
    dependsOn,
    isLastAttempt: true,
  })
  const call = async (
    contact: { readonly term: number; readonly lineage: string },
    transactions: readonly PlannedTransaction[],
    options: {
      readonly told?: number
      readonly groupSize?: number
      readonly number?: number
      readonly after?: number
    } = {},
  ) => {
    const limits = { maxGroupTransactions: options.groupSize ?? 100, maxGroupOperations: 1_000 }
    const { wire } = planBatch(transactions, tableRules(main.catalog), limits)
    const told = options.told ?? null
    const [row] = await main.query(`CALL outpost.apply('observatory', $1, $2, $3, $4, $5, $6, NULL)`, [
      epoch,
      contact.term,
      told === null ? null : epoch,
      told,
      contact.lineage,
      JSON.stringify({ ...wire, number: options.number, after: options.after }),
    ])
    return row!.p_result as { kind: string; outcomes?: readonly Record<string, unknown>[] }
  }
  const count = async (table: string): Promise<number> =>
    Number((await main.query(`SELECT count(*) FROM ${table}`))[0]!.count)

  it('N1: a ledger row says which transaction it was, what became of it, why and when', async () => {
    const contact = await hello()
    const good = transaction(1, [unit(randomUUID())])
    const bad = transaction(2, [file(randomUUID(), 'x', randomUUID(), '-1')])
    await call(contact, [good, bad])
    const rows = await main.query(
      `SELECT site, epoch, seq::integer, transaction_id, encode(digest, 'hex') AS digest, outcome, sqlstate, constraint_name,
              detail, buffered_at, applied_at, lineage FROM outpost.ledger ORDER BY seq`,
    )
    const common = {
      site: 'observatory',
      epoch,
      digest: '00',
      buffered_at: new Date(Date.UTC(2026, 0, 1)),
      applied_at: expect.any(Date),
      lineage: contact.lineage,
    }
    expect(rows).toEqual([
      {
        ...common,
        seq: 1,
        transaction_id: good.id,
        outcome: 'applied',
        sqlstate: null,
        constraint_name: null,
        detail: null,
      },
      {
        ...common,
        seq: 2,
        transaction_id: bad.id,
        outcome: 'rejected',
        sqlstate: '23514',
        constraint_name: 'file_size_check',
        detail: expect.any(String),
      },
    ])
  })

  it('P5, N12: ends after twenty waits for locks, those of whole groups among them', async () => {
    const contact = await hello()
    await main.query(`SET lock_timeout = '100ms'`)
    const held = Array.from({ length: 40 }, () => randomUUID())
    await main.query('INSERT INTO unit (id, name) SELECT id, id FROM unnest($1::uuid[]) id', [held])
    const holder = await server().connect(main.database)
    await holder.query('BEGIN')
    await holder.query('SELECT FROM unit FOR UPDATE')
    // A first group of two that are locked, then one of each group.
    const operations = held.flatMap((id, index) =>
      index < 2 ? [finish(id)] : [finish(id), unit(randomUUID())],
    )
    const transactions = operations.map((operation, index) => transaction(index + 1, [operation]))
    const answer = await call(contact, transactions, { groupSize: 2 })
    await holder.end()
    expect(answer).toMatchObject({ kind: 'done', stopped: 'locked' })
    expect(answer.outcomes!.filter(({ sqlstate }) => sqlstate === '55P03').length).toBeLessThan(20)
  })

  it('N9, P4: does nothing of what rests on a CALL that has not applied all that it carried', async () => {
    const contact = await hello()
    const bad = transaction(1, [file(randomUUID(), 'x', randomUUID(), '-1')])
    await call(contact, [bad, transaction(2, [unit(randomUUID())])], { number: 1 })
    const next = [transaction(3, [unit(randomUUID())])]
    expect(await call(contact, next, { number: 2, after: 1 })).toEqual({ kind: 'early' })
    expect(await count('outpost.ledger')).toBe(2)
    await call(contact, next, { number: 3 })
    const last = [transaction(4, [unit(randomUUID())])]
    // Another one stands between: main knows of the last alone.
    expect(await call(contact, last, { number: 4, after: 2 })).toEqual({ kind: 'early' })
    expect((await call(contact, last, { number: 5, after: 3 })).kind).toBe('done')
    const after = await hello()
    expect(await call(after, last, { number: 6, after: 5 }), 'of another term').toEqual({ kind: 'early' })
  })

  it('N1: a place in the ledger is taken once, and a transaction has one place across epochs', async () => {
    const contact = await hello()
    const known = transaction(1, [unit(randomUUID())])
    await call(contact, [known])
    const copy = (place: { seq: number; epoch: string; id: string }) =>
      main.query(
        `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
         VALUES ($1, now(), now(), $2, $3, $4, 'observatory', 'applied', '')`,
        [place.seq, place.epoch, place.id, contact.lineage],
      )
    await expect(copy({ seq: 1, epoch, id: randomUUID() })).rejects.toMatchObject({ code: '23505' })
    await expect(copy({ seq: 9, epoch: randomUUID(), id: known.id })).rejects.toMatchObject({ code: '23505' })
  })

  it('N2: a transaction that stands under another epoch is answered from there, not applied again', async () => {
    const contact = await hello()
    const known = transaction(1, [unit(randomUUID())])
    await call(contact, [known])
    epoch = randomUUID()
    const answer = await call(await hello(), [{ ...known, seq: 5, epoch }])
    expect(answer).toMatchObject({ kind: 'done', outcomes: [{ o: 'applied' }] })
    expect([await count('unit'), await count('outpost.ledger')]).toEqual([1, 1])
  })

  it('N2: an epoch that ended is fenced when it comes back', async () => {
    const old = epoch
    await hello()
    epoch = randomUUID()
    await hello()
    epoch = old
    expect(await hello()).toEqual({ kind: 'fenced', reason: 'epoch' })
  })

  it('N6: naming a row that main lacks changes nothing and is answered with the gap', async () => {
    const contact = await hello()
    expect(await call(contact, [transaction(8, [unit(randomUUID())])], { told: 7 })).toEqual({ kind: 'gap' })
    expect([await count('unit'), await count('outpost.ledger')]).toEqual([0, 0])
  })

  it('N6: another lineage than the one that was greeted changes nothing', async () => {
    const contact = { ...(await hello()), lineage: randomUUID() }
    expect(await call(contact, [transaction(1, [unit(randomUUID())])])).toMatchObject({ kind: 'lineage' })
    expect(await count('unit')).toBe(0)
  })

  it('N7: what was answered survives an immediate stop, also when the last transaction was a duplicate', async () => {
    const contact = await hello()
    const first = [1, 2, 3, 4].map((seq) => transaction(seq, [unit(randomUUID())]))
    await call(contact, first, { groupSize: 1 })
    const answer = await call(contact, [transaction(5, [unit(randomUUID())]), first[0]!], { groupSize: 1 })
    expect(answer).toMatchObject({ kind: 'done', outcomes: [{ o: 'applied' }, { o: 'applied' }] })
    await server().stop('immediate')
    await server().start()
    await main.reconnect()
    expect([await count('unit'), await count('outpost.ledger')]).toEqual([5, 5])
  })

  it.each(groupSizes)(
    'N8: a takeover in the midst of a CALL lets no later transaction commit, in groups of %i',
    async (groupSize) => {
      await main.query(`
        CREATE TABLE step (id integer PRIMARY KEY);
        CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN IF NEW.id = 3 THEN UPDATE outpost.site SET term = term + 1; END IF; RETURN NEW; END $$;
        CREATE TRIGGER take_over BEFORE INSERT ON step FOR EACH ROW EXECUTE FUNCTION take_over()`)
      const steps = [1, 2, 3, 4, 5, 6].map((id) =>
        transaction(id, [{ kind: 'insert', table: 'public.step', row: { id: String(id) } }]),
      )
      expect(await call(await hello(), steps, { groupSize })).toMatchObject({ kind: 'fenced' })
      expect([await count('step'), await count('outpost.ledger')]).toEqual([3, 3])
    },
  )

  it('N8: a takeover with the same epoch raises the term, and the old term commits nothing', async () => {
    const old = await hello()
    const fresh = await hello()
    const write = transaction(1, [unit(randomUUID())])
    expect(await call(old, [write])).toMatchObject({ kind: 'fenced' })
    expect(await count('unit')).toBe(0)
    expect(await call(fresh, [write])).toMatchObject({ kind: 'done' })
  })

  it.each(groupSizes)(
    'N9: what depends on a rejected transaction is passed over, with its own cone, in groups of %i',
    async (groupSize) => {
      const [poisoned, healthy] = [randomUUID(), randomUUID()]
      const answer = await call(
        await hello(),
        [
          transaction(1, [unit(poisoned), unit(healthy)]),
          transaction(2, [file(poisoned, 'negative', randomUUID(), '-1')], [1]),
          transaction(3, [finish(poisoned)], [2]),
          transaction(4, [file(poisoned)], [3]),
          transaction(5, [finish(healthy)], [1]),
        ],
        { groupSize },
      )
      expect(answer.kind).toBe('done')
      expect(await main.query('SELECT seq::integer, outcome FROM outpost.ledger ORDER BY seq')).toEqual([
        { seq: 1, outcome: 'applied' },
        { seq: 2, outcome: 'rejected' },
        { seq: 5, outcome: 'applied' },
      ])
      expect(await count('file')).toBe(0)
    },
  )

  it('N11, P11: keeps the counts of the 20 newest rejections, the one that is counted among them', async () => {
    const count = async (message: number): Promise<readonly { message: string; count: number }[]> => {
      const [row] = await main.query(`SELECT outpost.note_rejection($1, $2, '42P01', $3) AS streaks`, [
        JSON.stringify(streaks),
        JSON.stringify({ kind: 'insert', table: 'public.gone', key: [], columns: [] }),
        String(message),
      ])
      return row!.streaks as { message: string; count: number }[]
    }
    let streaks: readonly { message: string; count: number }[] = []
    for (let message = 0; message < 25; message++) streaks = await count(message)
    streaks = await count(10)
    expect(streaks.map(({ message }) => Number(message))).toEqual([
      ...[5, 6, 7, 8, 9],
      ...[11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 10],
    ])
    expect(streaks.at(-1)).toMatchObject({ message: '10', count: 2 })
  })

  it('N14: what was pruned counts as present wherever it is looked for', async () => {
    const contact = await hello()
    await call(
      contact,
      [1, 2, 3].map((seq) => transaction(seq, [unit(randomUUID())])),
    )
    await main.query(`SELECT outpost.prune('observatory', $1, $2, $3)`, [
      epoch,
      contact.term,
      JSON.stringify([{ epoch, through: 2 }]),
    ])
    expect(await count('outpost.ledger')).toBe(1)
    expect(
      await main.query(
        `SELECT outpost.has_row('observatory', $1, 2) AS has_row, outpost.covers(NULL, 'observatory', $1, 2) AS covers,
                (SELECT max(to_seq)::integer FROM outpost.islands('observatory', ARRAY[$1::uuid], 1, 2)) AS island`,
        [epoch],
      ),
    ).toEqual([{ has_row: true, covers: true, island: 2 }])
    expect(await call(contact, [transaction(4, [unit(randomUUID())])], { told: 2 })).toMatchObject({
      kind: 'done',
    })
  })
})
