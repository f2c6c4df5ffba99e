import { randomUUID } from 'node:crypto'
import { type Link, Pgbouncer, startLink } from '@outpost/lab'
import {
  describeEachPostgres,
  describeEachPostgresWithPgbouncer,
  useServer,
  waitFor,
} from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplyAnswer, MainSession } from './main-session.ts'
import { file, type TestSite, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

const small = { transactions: 5, bytes: 1_000_000 }

describeEachPostgres('several CALLs under way', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  let link: Link
  let underWay: number
  let most: number
  let answers: ApplyAnswer['kind'][]

  beforeEach(async () => {
    link = await startLink({ target: { host: server().host, port: server().port } })
    link.delay(60)
    underWay = 0
    most = 0
    answers = []
  })
  afterEach(() => link.stop())

  const counted = (session: MainSession): Partial<MainSession> => ({
    apply: async (call) => {
      most = Math.max(most, ++underWay)
      try {
        const answer = await session.apply(call)
        answers.push(answer.kind)
        return answer
      } finally {
        underWay--
      }
    },
  })
  const open = async (): Promise<TestSite> => {
    const { host, port } = link.endpoint('default')
    const config = { host, port, user: 'postgres', database: stage.main.database }
    return await stage.open({
      openSession: stage.sessions(counted, config),
      calls: 4,
      largestBatch: small,
      isStarted: false,
    })
  }
  const ledger = async (): Promise<readonly Seq[]> =>
    (await stage.main.query('SELECT seq::integer FROM outpost.ledger ORDER BY ctid')).map(({ seq }) =>
      Number(seq),
    )

  it('N9, P4, P5: park the cone of a refused transaction alone, and the ledger grows in the order of the journal', async () => {
    const site = await open()
    const applied: Seq[] = []
    const parked: Seq[] = []
    for (let i = 0; i < 12; i++) {
      const id = randomUUID()
      const first = await site.append([unit(id)])
      applied.push(first)
      for (let j = 0; j < 3; j++) applied.push(await site.append([file(id)], [first]))
      if (i % 5 !== 2) continue
      const bad = await site.append([file(id, 'bad', randomUUID(), '-1')], [first])
      parked.push(await site.append([file(id, 'cone')], [bad]))
    }
    site.applier.start()
    await site.until('applied', ...applied)
    await site.until('parked', ...parked)
    expect(most).toBeGreaterThan(1)
    expect(answers).toContain('early')
    const seqs = await ledger()
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    expect(await stage.count('file')).toBe(36)
  })

  it('P2, P3: are all taken up again after a cut, and nothing is doubled', async () => {
    const site = await open()
    const seqs: Seq[] = []
    for (let i = 0; i < 100; i++) seqs.push(await site.append([unit(randomUUID())]))
    site.applier.start()
    for (let cut = 0; cut < 3; cut++) {
      const before = site.journal.seqsIn('applied').length
      await waitFor(() => underWay > 1 && site.journal.seqsIn('applied').length > before, {
        what: 'CALLs under way',
      })
      link.cut()
      await waitFor(() => site.applier.state.kind === 'waiting', { what: 'the applier to notice' })
      link.restore()
      link.delay(60)
    }
    await site.until('applied', ...seqs)
    expect(await stage.count('unit')).toBe(100)
    expect(await ledger()).toEqual(seqs)
    expect(site.alarms).toEqual([])
  })

  it('N8: are fenced together by another applier of the site', async () => {
    const site = await open()
    const taken = randomUUID()
    const holder = await server().connect(stage.main.database)
    await holder.query('BEGIN')
    await holder.query(`INSERT INTO unit (id, name) VALUES ($1, 'taken')`, [taken])
    const seqs = [await site.append([unit(taken)])]
    for (let i = 0; i < 30; i++) seqs.push(await site.append([unit(randomUUID())]))
    site.applier.start()
    await waitFor(() => underWay > 1, { what: 'CALLs under way' })
    const { epoch } = site.journal
    const waiting = async () =>
      (
        await stage.main.query(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL%'`,
        )
      ).length
    await waitFor(async () => (await waiting()) > 0, { what: 'the first CALL to wait for the lock' })
    link.cut()
    await stage.main.query(`SELECT outpost.hello('observatory', $1)`, [epoch])
    await holder.query('ROLLBACK')
    await holder.end()
    expect(await stage.count('outpost.ledger'), 'nothing of either CALL').toBe(0)
    link.restore()
    await site.until('applied', ...seqs)
    expect(await ledger()).toEqual(seqs)
  })
})

describeEachPostgresWithPgbouncer('several CALLs under way', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)

  it('P3, P4: through a pooler in transaction mode', async () => {
    const bouncer = await Pgbouncer.start({ target: { host: server().host, port: server().port } })
    try {
      const config = { connectionString: bouncer.connectionString(stage.main.database, 'postgres') }
      const site = await stage.open({ config, calls: 4, largestBatch: small, isStarted: false })
      const seqs: Seq[] = []
      for (let i = 0; i < 100; i++) seqs.push(await site.append([unit(randomUUID())]))
      site.applier.start()
      await site.until('applied', ...seqs)
      const rows = await stage.main.query('SELECT seq::integer FROM outpost.ledger ORDER BY ctid')
      expect(rows.map(({ seq }) => seq)).toEqual(seqs)
      await site.stop()
    } finally {
      await bouncer.stop()
    }
  })
})
