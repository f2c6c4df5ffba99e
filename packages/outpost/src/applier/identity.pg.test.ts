import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('who may write to main, and to which main', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  const { open, count } = stage

  it('N2: a seq that stands for another transaction fences the epoch, and nothing is swallowed', async () => {
    const site = await open({ isStarted: false })
    const { epoch } = site.journal
    await stage.main.query(`INSERT INTO outpost.site (name) VALUES ('observatory')`)
    await stage.main.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       SELECT n, now(), now(), $1, gen_random_uuid(), gen_random_uuid(), 'observatory', 'applied', '' FROM generate_series(2, 3) n`,
      [epoch],
    )
    const ids = Array.from({ length: 5 }, () => randomUUID())
    const seqs: number[] = []
    for (const id of ids) seqs.push(await site.append([unit(id)]))
    site.applier.start()
    await site.until('applied', ...seqs)
    expect(await count('unit')).toBe(5)
    expect(site.alarms.map(({ code }) => code)).toContain('epoch_fenced')
    expect(site.journal.epoch).not.toBe(epoch)
    // Found again after a restart, by id, without applying anything twice.
    await site.applier.stop()
    site.applier.start()
    seqs.push(await site.append([unit(randomUUID())]))
    await site.until('applied', ...seqs)
    expect(await count('unit')).toBe(6)
    expect(site.redriven).toEqual([])
  })

  it('N4: a main that does not descend from the remembered one is not touched before it is accepted', async () => {
    const site = await open({ isStarted: false, configurationRetryMs: 20 })
    await site.journal.setFact('lineage', randomUUID())
    const seq = await site.append([unit(randomUUID())])
    site.applier.start()
    await expect.poll(() => site.alarms.map(({ code }) => code)).toEqual(['lineage_refused'])
    expect(await count('outpost.site')).toBe(0)
    expect(await count('outpost.lineage')).toBe(0)
    site.applier.acceptMain()
    await site.until('applied', seq)
  })

  it('P3: an apply procedure of another version is an alarm, and applies nothing twice once main is migrated', async () => {
    const site = await open({ isStarted: false, configurationRetryMs: 20 })
    const seq = await site.append([unit(randomUUID())])
    const [body] = await stage.main.query(`SELECT pg_get_functiondef('outpost.apply'::regproc) AS text`)
    const present = String(body!.text)
    await stage.main.query(present.replace(`'streaks', v_streaks`, `'streak', v_streaks`))
    site.applier.start()
    await expect.poll(() => site.applier.state.kind).toBe('blocked')
    expect(site.alarms).toMatchObject([{ code: 'not_migrated', hint: expect.stringContaining('migrate') }])
    await stage.main.query(present)
    await site.until('applied', seq)
    expect([await count('unit'), await count('outpost.ledger')]).toEqual([1, 1])
  })

  it('N8: a second applier of the site fences the first, and nothing is doubled or lost', async () => {
    const first = await open()
    const ids = Array.from({ length: 40 }, () => randomUUID())
    const seqs: number[] = []
    for (const id of ids.slice(0, 20)) seqs.push(await first.append([unit(id)]))
    const second = await open()
    const others: number[] = []
    for (const id of ids.slice(20)) {
      others.push(await second.append([unit(id)]))
      seqs.push(await first.append([unit(randomUUID())]))
    }
    await first.until('applied', ...seqs)
    await second.until('applied', ...others)
    expect([...first.alarms, ...second.alarms].map(({ code }) => code)).toContain('epoch_fenced')
    expect(await count('unit')).toBe(60)
    expect(await count('outpost.ledger')).toBe(60)
  })

  it('N8: a takeover ends the backend of an old CALL that hangs, and what it had not committed', async () => {
    const [hello] = await stage.main.query(`SELECT outpost.hello('observatory', $1) AS answer`, [
      randomUUID(),
    ])
    const { term } = hello!.answer as { term: number }
    const hanging = await server().connect(stage.main.database)
    await hanging.query('BEGIN')
    await hanging.query(`SELECT outpost.fence('observatory', epoch, $1) FROM outpost.site`, [term])
    await hanging.query(`INSERT INTO unit (id, name) VALUES (gen_random_uuid(), 'uncommitted')`)
    const site = await open()
    const seq = await site.append([unit(randomUUID())])
    await site.until('applied', seq)
    await expect(hanging.query('COMMIT')).rejects.toThrow()
    expect(await count('unit')).toBe(1)
  })
})
