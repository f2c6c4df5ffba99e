import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import type { Operation } from '../transaction/operation.ts'
import { file, type TestSite, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

const inNowhere = (): Operation => ({ kind: 'delete', table: 'public.nowhere', key: { id: randomUUID() } })
const watched = (id: string, count: string): Operation => ({
  kind: 'insert',
  table: 'public.watched',
  row: { id, count },
})

describeEachPostgres('rejections that say the schema is wrong', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)

  const untilBlocked = async (site: TestSite) =>
    await waitFor(() => site.applier.state.kind === 'blocked', { what: 'the applier to stop' })
  const appendMany = async (site: TestSite, count: number, operations: (index: number) => Operation[]) => {
    const seqs: number[] = []
    for (let i = 0; i < count; i++) seqs.push(await site.append(operations(i)))
    return seqs
  }
  const refuseNegatives = () =>
    stage.main.query(`
      CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.count < 0 THEN RAISE EXCEPTION 'negative' USING ERRCODE = '42000'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER judge BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION judge()`)
  /** Connections of which the first loses the answer to what main has committed. */
  const losingFirstAnswer = () => {
    const loss = { hasHappened: false }
    const openSession = stage.sessions((session) => ({
      apply: async (call) => {
        const answer = await session.apply(call)
        if (loss.hasHappened || call.transactions.length === 0) return answer
        loss.hasHappened = true
        throw Object.assign(new Error('the answer is lost'), { code: 'ECONNRESET' })
      },
    }))
    return { openSession, loss }
  }

  it('N11: ten equal class-42 rejections stop the applier, and the rest waits unharmed until it is resumed', async () => {
    const site = await stage.open({ isStarted: false, configurationRetryMs: 10 })
    const seqs = await appendMany(site, 30, () => [inNowhere()])
    site.applier.start()
    await site.until('rejected', ...seqs.slice(0, 10))
    await untilBlocked(site)
    expect(site.alarms).toMatchObject([{ code: 'rejections', message: expect.stringContaining('nowhere') }])
    expect(site.journal.seqsIn('buffered')).toEqual(seqs.slice(10))
    // Resumed while nothing is mended: ten more, and it stops again.
    site.applier.resume()
    await site.until('rejected', ...seqs.slice(10, 20))
    await untilBlocked(site)
    expect(site.journal.seqsIn('buffered')).toEqual(seqs.slice(20))
    await stage.main.query('CREATE TABLE nowhere (id uuid PRIMARY KEY)')
    await stage.main.query(`INSERT INTO nowhere SELECT gen_random_uuid()`)
    site.applier.resume()
    await waitFor(() => site.journal.seqsIn('buffered').length === 0, { what: 'the rest' })
    expect(site.journal.status(seqs[29]!)).toMatchObject({ sqlstate: 'OP003' })
    expect(() => site.applier.resume()).toThrow(expect.objectContaining({ code: 'nothing_to_resume' }))
  })

  it.each([1, 64])(
    'N11: successes on other tables do not hide that one table always fails, in groups of %i',
    async (maxGroupTransactions) => {
      const site = await stage.open({
        isStarted: false,
        planLimits: { maxGroupTransactions, maxGroupOperations: 100 },
      })
      await appendMany(site, 40, (i) =>
        i % 2 === 0 ? [unit(randomUUID()), inNowhere()] : [unit(randomUUID())],
      )
      site.applier.start()
      await untilBlocked(site)
      expect(site.journal.seqsIn('rejected')).toHaveLength(10)
      expect(await stage.count('unit')).toBe(9)
    },
  )

  it('N11: counts over several CALLs, and for each table by itself', async () => {
    let calls = 0
    const site = await stage.open({ onBatch: () => calls++ })
    const elsewhere = (): Operation => ({ ...inNowhere(), table: 'public.elsewhere' })
    for (let i = 0; i < 9; i++) {
      const seqs = [await site.append([inNowhere()]), await site.append([elsewhere()])]
      await site.until('rejected', ...seqs)
      await site.until('applied', await site.append([unit(randomUUID())]))
    }
    expect(calls).toBeGreaterThanOrEqual(9)
    expect(site.applier.state.kind).not.toBe('blocked')
    await site.append([elsewhere()])
    await untilBlocked(site)
    expect(site.alarms).toMatchObject([{ message: expect.stringContaining('delete of public.elsewhere') }])
  })

  it('N11: a success of the same statement ends the streak: the schema is right, and the data was not', async () => {
    await refuseNegatives()
    const site = await stage.open({ isStarted: false })
    const seqs = await appendMany(site, 40, (i) => [watched(String(i), i % 9 === 8 ? '1' : '-1')])
    site.applier.start()
    await waitFor(() => site.journal.seqsIn('buffered').length === 0, { what: 'all of it' })
    expect(site.journal.seqsIn('applied')).toHaveLength(4)
    expect(site.journal.seqsIn('rejected')).toHaveLength(seqs.length - 4)
    expect(site.alarms).toEqual([])
  })

  it('N11: a lost answer does not start the count anew', async () => {
    const { openSession, loss } = losingFirstAnswer()
    const site = await stage.open({ isStarted: false, openSession })
    const seqs = await appendMany(site, 25, () => [inNowhere()])
    site.applier.start()
    await untilBlocked(site)
    expect(loss.hasHappened).toBe(true)
    expect(site.journal.seqsIn('rejected')).toEqual(seqs.slice(0, 10))
    expect(await stage.count('outpost.ledger')).toBe(10)
  })

  it('N11: nor does it take a success that ended a streak for none', async () => {
    await refuseNegatives()
    const { openSession, loss } = losingFirstAnswer()
    const site = await stage.open({ isStarted: false, openSession })
    await appendMany(site, 40, (i) => [watched(String(i), i % 9 === 8 ? '1' : '-1')])
    site.applier.start()
    await waitFor(() => site.journal.seqsIn('buffered').length === 0, { what: 'all of it' })
    expect(loss.hasHappened).toBe(true)
    expect(site.journal.seqsIn('applied')).toHaveLength(4)
    expect(site.alarms).toEqual([])
  })

  it('N11: many different rejections, each of its own making, stop nothing', async () => {
    const site = await stage.open({ isStarted: false })
    const id = randomUUID()
    await site.append([unit(id)])
    await appendMany(site, 30, (i) => [{ ...inNowhere(), table: `public.nowhere_${i % 15}` }])
    const last = await site.append([file(id)])
    site.applier.start()
    await site.until('applied', last)
    expect(site.alarms).toEqual([])
  })
})
