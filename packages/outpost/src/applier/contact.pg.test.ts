import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { file, finish, type TestSite, type TestSiteOptions, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

/** No beat comes round within a test: what is noticed, the CALL noticed. */
const withoutBeats = { idleIntervalMs: 600_000 }

describeEachPostgres('the applier and what main knows', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  let site: TestSite
  const open = async (options: Partial<TestSiteOptions> = {}) => {
    site = await stage.open(options)
  }
  const loseFrom = async (seq: number) => {
    await stage.main.query('DELETE FROM outpost.ledger WHERE seq >= $1', [seq])
    await stage.main.query('DELETE FROM file')
    await stage.main.query(`UPDATE unit SET status = 'running'`)
  }
  const recordThree = async (): Promise<readonly number[]> => {
    const id = randomUUID()
    const seqs = [
      await site.append([unit(id)]),
      await site.append([file(id)], [1]),
      await site.append([finish(id)], [1]),
    ]
    await site.until('applied', ...seqs)
    return seqs
  }
  const expectHealed = async () => {
    expect(site.redriven).toEqual([2, 3])
    expect(
      await stage.main.query('SELECT status, (SELECT count(*)::integer FROM file) AS files FROM unit'),
    ).toEqual([{ status: 'completed', files: 1 }])
  }

  it('N6: the next CALL names the last row that the site was told of, and a loss is mended before it goes on', async () => {
    await open(withoutBeats)
    const seqs = await recordThree()
    await loseFrom(2)
    const later = await site.append(
      [{ kind: 'delete', table: 'public.file', key: { id: randomUUID() } }],
      [1],
    )
    await site.until('rejected', later)
    await site.until('applied', ...seqs)
    await expectHealed()
  })

  it('N6: with nothing to send, the beat notices the loss', async () => {
    await open()
    const seqs = await recordThree()
    await loseFrom(2)
    await waitFor(() => site.redriven.length > 0, { what: 'the re-drive' })
    await site.until('applied', ...seqs)
    await expectHealed()
  })

  it('N6: on reconnect everything retained is compared before anything new is sent', async () => {
    await open()
    const seqs = await recordThree()
    await site.applier.stop()
    await loseFrom(2)
    // The newest row is there: only a comparison of all of them finds the gap before it.
    await stage.main.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       SELECT 3, now(), now(), epoch, $1, lineage, site, 'applied', '' FROM outpost.ledger`,
      [(await site.journal.getMany([3]))[0]!.id],
    )
    site.applier.start()
    await waitFor(() => site.redriven.length > 0, { what: 'the re-drive' })
    await site.until('applied', ...seqs)
    expect(site.redriven).toEqual([2])
  })

  it('N7: nothing is applied before the answer of the CALL', async () => {
    const states: string[] = []
    await open({
      openSession: stage.sessions((session) => ({
        apply: async (call) => {
          const answer = await session.apply(call)
          states.push(...call.transactions.map(({ seq }) => site.journal.status(seq).state))
          if (states.length > 1) return answer
          throw Object.assign(new Error('the answer is lost'), { code: 'ECONNRESET' })
        },
      })),
    })
    const seq = await site.append([unit(randomUUID())])
    await site.until('applied', seq)
    expect(states).toEqual(['buffered', 'buffered'])
  })

  it('N9: after main was replaced a missing reference waits for the other sites, or for the operator', async () => {
    let calls = 0
    await open({ isStarted: false, retryAttempts: 1, retryDelayMs: 20, onBatch: () => calls++ })
    // Another site is known to main, and main has another identity since.
    await stage.main.query(`SELECT outpost.hello('institute', gen_random_uuid())`)
    await stage.main.query('UPDATE outpost.lineage SET timeline = 99')
    const id = randomUUID()
    const orphan = await site.append([file(randomUUID())])
    const early = await site.append([file(id)])
    site.applier.start()
    await waitFor(() => calls >= 4, { what: 'several attempts' })
    expect([orphan, early].map((seq) => site.journal.status(seq).state)).toEqual(['buffered', 'buffered'])
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'by the institute')`, [id])
    await site.until('applied', early)
    expect(site.journal.status(orphan).state).toBe('buffered')
    await stage.main.query('SELECT outpost.release_attempts()')
    await site.until('rejected', orphan)
  })

  it('N11: one that keeps failing alone is parked as stuck with its cone, alarmed and tried again; others go on', async () => {
    await stage.main.query(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.name = 'cursed' THEN RAISE EXCEPTION 'disk trouble' USING ERRCODE = '58030'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON file FOR EACH ROW EXECUTE FUNCTION fail()`)
    await open({ isStarted: false, stuckRetryMs: 200, backoff: { firstMs: 5, capMs: 20 } })
    const id = randomUUID()
    const parent = await site.append([unit(id)])
    const cursed = await site.append([file(id, 'cursed')], [parent])
    const behind = await site.append([finish(id)], [cursed])
    const others: number[] = []
    for (let i = 0; i < 20; i++) others.push(await site.append([file(id)], [parent]))
    site.applier.start()
    await site.until('applied', parent, ...others)
    await waitFor(() => site.alarms.some(({ code }) => code === 'stuck'), { what: 'the alarm' })
    expect(
      await stage.main.query(`SELECT count(*)::integer FROM outpost.ledger WHERE outcome = 'rejected'`),
    ).toEqual([{ count: 0 }])
    await stage.main.query('DROP TRIGGER fail ON file')
    await site.until('applied', cursed, behind)
  })

  it('N12: a batch that never arrives whole gets smaller until it does, and grows again', async () => {
    const sent: number[] = []
    let isNarrow = true
    await open({
      isStarted: false,
      backoff: { firstMs: 1, capMs: 5 },
      openSession: stage.sessions((session) => ({
        apply: async (call) => {
          sent.push(call.transactions.length)
          if (isNarrow && call.transactions.length > 1)
            throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
          isNarrow = false
          return await session.apply(call)
        },
      })),
    })
    const seqs: number[] = []
    for (let i = 0; i < 64; i++) seqs.push(await site.append([unit(randomUUID())]))
    site.applier.start()
    await site.until('applied', ...seqs)
    expect(sent.slice(0, 8)).toEqual([64, 32, 16, 8, 4, 2, 1, expect.any(Number)])
    expect(Math.max(...sent.slice(7))).toBeGreaterThan(4)
  })
})
