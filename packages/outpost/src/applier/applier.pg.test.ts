import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { planBatch } from '../ledger/batch-plan.ts'
import { tableRules } from '../ledger/table-rules.ts'
import type { Operation } from '../transaction/operation.ts'
import { file, finish, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('the applier on a real main', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  const { open, count } = stage

  it('P3: applies each transaction once and books it in the ledger with its writes', async () => {
    const site = await open()
    const id = randomUUID()
    const first = await site.append([unit(id), file(id)])
    const second = await site.append([finish(id)], [first])
    await site.until('applied', first, second)
    expect(await stage.main.query('SELECT status FROM unit')).toEqual([{ status: 'completed' }])
    expect(await stage.main.query('SELECT seq, outcome FROM outpost.ledger ORDER BY seq')).toEqual([
      { seq: '1', outcome: 'applied' },
      { seq: '2', outcome: 'applied' },
    ])
    expect(site.journal.status(first)).toMatchObject({
      state: 'applied',
      lineage: expect.any(String),
      position: expect.stringMatching(/^1\//),
    })
  })

  it('P5: isolates one poisoned transaction among hundreds; its cone waits, the rest arrive', async () => {
    const site = await open({ isStarted: false })
    const units = Array.from({ length: 20 }, () => randomUUID())
    for (const id of units) await site.append([unit(id)])
    const files: number[] = []
    for (let i = 0; i < 300; i++) files.push(await site.append([file(units[i % 20]!)], [(i % 20) + 1]))
    const poison = await site.append([file(units[0]!, 'negative', randomUUID(), '-1')])
    const child = await site.append([finish(units[1]!)], [poison])
    const grandchild = await site.append([finish(units[2]!)], [child])
    const last = await site.append([finish(units[3]!)], [4])
    site.applier.start()
    await site.until('applied', ...files, last)
    await site.until('rejected', poison)
    await site.until('parked', child, grandchild)
    expect(site.journal.status(poison)).toMatchObject({ sqlstate: '23514', constraint: 'file_size_check' })
    expect(site.journal.status(grandchild).parkedBy).toEqual([child])
    expect(await count('file')).toBe(300)
    expect(await stage.main.query(`SELECT count(*) FROM unit WHERE status = 'completed'`)).toEqual([
      { count: '1' },
    ])
    expect(
      await stage.main.query(`SELECT outcome, count(*) FROM outpost.ledger GROUP BY 1 ORDER BY 1`),
    ).toEqual([
      { outcome: 'applied', count: '321' },
      { outcome: 'rejected', count: '1' },
    ])
  })

  it('E18: rejects an update of a row that is not there, and a constraint that fails only at the end', async () => {
    const site = await open()
    const missing = await site.append([finish(randomUUID())])
    const dangling = await site.append([
      { kind: 'insert', table: 'public.deferred', row: { id: '10', next: '99' } },
    ])
    const circle = await site.append([
      { kind: 'insert', table: 'public.deferred', row: { id: '1', next: '2' } },
      { kind: 'insert', table: 'public.deferred', row: { id: '2', next: '1' } },
    ])
    await site.until('rejected', missing, dangling)
    await site.until('applied', circle)
    expect(site.journal.status(missing)).toMatchObject({ sqlstate: 'OP003' })
    expect(site.journal.status(dangling)).toMatchObject({ sqlstate: '23503' })
  })

  it('N9: lets a missing reference wait for what brings it, and rejects it at the last attempt', async () => {
    let attempts = 0
    const site = await open({ isStarted: false, retryDelayMs: 300, onBatch: () => attempts++ })
    const id = randomUUID()
    const early = await site.append([file(id)])
    const orphan = await site.append([file(randomUUID())])
    site.applier.start()
    await expect.poll(() => attempts).toBeGreaterThan(0)
    expect(await count('outpost.ledger')).toBe(0)
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'by another site')`, [id])
    await site.until('applied', early)
    await site.until('rejected', orphan)
    expect(await stage.main.query('SELECT seq, sqlstate FROM outpost.ledger ORDER BY seq')).toEqual([
      { seq: '1', sqlstate: null },
      { seq: '2', sqlstate: '23503' },
    ])
  })

  it('applies composite keys, arrays, jsonb, enums, ranges and leaves generated columns to main', async () => {
    const site = await open()
    const row = {
      site: "it's",
      number: '7',
      tags: '{"a,b",NULL,"c\\\\"}',
      grid: '{{1,2},{3,4}}',
      facts: '{"a": [1, null]}',
      sky: 'rough',
      span: '[1,5)',
      at: '2025-01-01 00:00:00.123456+00',
    }
    const seqs = [
      await site.append([{ kind: 'insert', table: 'public.odd', row }]),
      await site.append(
        [
          {
            kind: 'update',
            table: 'public.odd',
            key: { site: row.site, number: '7' },
            set: { sky: 'calm', grid: '{}' },
          },
        ],
        [1],
      ),
      await site.append([{ kind: 'insert', table: 'public.odd', row: { ...row, number: '8' } }]),
      await site.append([{ kind: 'delete', table: 'public.odd', key: { site: row.site, number: '8' } }], [3]),
    ]
    await site.until('applied', ...seqs)
    expect(
      await stage.main.query(
        `SELECT site, number, tags::text, grid::text, facts::text, sky::text, span::text, at = '2025-01-01 00:00:00.123456+00' AS at, doubled FROM odd`,
      ),
    ).toEqual([
      {
        site: row.site,
        number: 7,
        tags: row.tags,
        grid: '{}',
        facts: row.facts,
        sky: 'calm',
        span: '[1,5)',
        at: true,
        doubled: 14,
      },
    ])
  })

  it('rejects what would be cut off, generated columns and unknown columns, each alone', async () => {
    const site = await open()
    const id = randomUUID()
    const parent = await site.append([unit(id)])
    const long = await site.append([file(id, 'x'.repeat(21))], [parent])
    const generated = await site.append([
      { kind: 'insert', table: 'public.odd', row: { site: 'a', number: '1', doubled: '3' } },
    ])
    const unknown = await site.append([
      { kind: 'insert', table: 'public.odd', row: { site: 'a', number: '1', nothing: '3' } },
    ])
    const nowhere = await site.append([{ kind: 'delete', table: 'public.nowhere', key: { id: '1' } }])
    await site.until('rejected', long, generated, unknown, nowhere)
    expect([long, generated, unknown, nowhere].map((seq) => site.journal.status(seq).sqlstate)).toEqual([
      '22001',
      '428C9',
      '42703',
      '42P01',
    ])
    await site.until('applied', parent)
  })

  it('E17: a batch sent again gets the stored outcomes, rejections included', async () => {
    const site = await open()
    const id = randomUUID()
    const good = await site.append([unit(id)])
    const bad = await site.append([file(id, 'negative', randomUUID(), '-1')], [good])
    await site.until('rejected', bad)
    await site.applier.stop()
    // The statuses are lost, as in a crash before they reached the disk.
    await site.journal.setStatus([
      { from: good, to: good, status: { state: 'buffered' } },
      { from: bad, to: bad, status: { state: 'buffered' } },
    ])
    site.applier.start()
    await site.until('rejected', bad)
    await site.until('applied', good)
    expect(await count('unit')).toBe(1)
    expect(await count('outpost.ledger')).toBe(2)
  })

  it('P4: keeps the order of writes that triggers see', async () => {
    const site = await open({ isStarted: false })
    const operations: Operation[] = [
      { kind: 'insert', table: 'public.watched', row: { id: '1', count: '0' } },
    ]
    const seqs = [await site.append(operations)]
    for (let i = 1; i <= 30; i++) {
      seqs.push(
        await site.append(
          [{ kind: 'update', table: 'public.watched', key: { id: '1' }, set: { count: String(i * 10) } }],
          [seqs.at(-1)!],
        ),
      )
    }
    site.applier.start()
    await site.until('applied', ...seqs)
    expect(await stage.main.query('SELECT count FROM watched')).toEqual([{ count: 301 }])
  })

  it('N6: finds what main lost and applies it again in order, without a restart', async () => {
    const site = await open()
    const id = randomUUID()
    const seqs = [
      await site.append([unit(id)]),
      await site.append([file(id)], [1]),
      await site.append([finish(id)], [1]),
    ]
    await site.until('applied', ...seqs)
    // Main is set back behind the applier's back, as a restore behind a pooler would.
    await stage.main.query('DELETE FROM outpost.ledger WHERE seq >= 2')
    await stage.main.query('DELETE FROM file')
    await stage.main.query(`UPDATE unit SET status = 'running'`)
    const later = await site.append([file(id, 'later.fits')], [1])
    await site.until('applied', ...seqs, later)
    expect(site.redriven).toEqual([2, 3])
    expect(await count('file')).toBe(2)
    expect(await stage.main.query('SELECT status FROM unit')).toEqual([{ status: 'completed' }])
    expect(site.journal.status(2)).toMatchObject({ redriven: 1 })
  })

  it('N14: main forgets what the journal dropped, and what is forgotten still counts as applied', async () => {
    const site = await open()
    const seqs: number[] = []
    for (let i = 0; i < 10; i++) seqs.push(await site.append([unit(randomUUID())]))
    await site.until('applied', ...seqs)
    const { epoch } = site.journal
    const [first] = await site.journal.getMany([1])
    for (const state of ['replicated', 'retained'] as const)
      await site.journal.setStatus([{ from: 1, to: 6, status: { state } }])
    await site.journal.drop(6)
    await expect.poll(() => count('outpost.ledger'), { timeout: 10_000 }).toBe(4)
    expect(
      await stage.main.query('SELECT dropped_through FROM outpost.epoch WHERE epoch = $1', [epoch]),
    ).toEqual([{ dropped_through: '6' }])
    expect(
      await stage.main.query(`SELECT outpost.covers(NULL, 'observatory', $1, 3) AS ok`, [epoch]),
    ).toEqual([{ ok: true }])
    // An old copy of the journal would send it again.
    await site.applier.stop()
    const [hello] = await stage.main.query(`SELECT outpost.hello('observatory', $1) AS answer`, [epoch])
    const { term, lineage } = hello!.answer as { term: number; lineage: string }
    const { decision: _none, ...plain } = first!
    const { wire } = planBatch([{ ...plain, isLastAttempt: true }], tableRules(stage.main.catalog))
    await stage.main.query('DELETE FROM unit')
    const [answer] = await stage.main.query(
      `CALL outpost.apply('observatory', $1, $2, $1, 1, $3, $4, NULL)`,
      [epoch, term, lineage, JSON.stringify(wire)],
    )
    expect(answer!.p_result).toMatchObject({ kind: 'done', outcomes: [{ o: 'applied', isPruned: true }] })
    expect(await count('unit')).toBe(0)
  })
})
