import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Clock, systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { TransactionId } from '../transaction/transaction.ts'
import { openSiteWith } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

/** Between two rounds in which a site forgets what is settled. */
const choresMs = 500

describeEachPostgres('what main has lost and then refuses', (pg) => {
  let cluster: Cluster
  let toMain: Link
  let folder: string
  let site: Site
  let rounds: number

  beforeEach(async () => {
    cluster = await startTestCluster(pg)
    toMain = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE unit (id integer PRIMARY KEY, name text NOT NULL UNIQUE)')
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-lost-'))
    rounds = 0
    const sleep: Clock['sleep'] = (ms, signal) => {
      if (ms === choresMs) rounds += 1
      return systemClock.sleep(ms, signal)
    }
    const clock: Clock = {
      nowMs: () => systemClock.nowMs(),
      monotonicMs: () => systemClock.monotonicMs(),
      sleep,
    }
    const database = 'postgres'
    site = await openSiteWith(
      {
        name: 'observatory',
        type: 'secondary',
        main: { ...toMain.endpoint(), user: 'postgres', database },
        local: { host: '127.0.0.1', port: cluster.standby.port, user: 'postgres', database },
        journalPath: folder,
        secretKey: 'a secret of some length',
        idleIntervalMs: 100,
      },
      { clock },
    )
  })
  afterEach(async () => {
    await site.stop()
    await toMain.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const rename = async (from: string, to: string): Promise<Receipt> => {
    const write = site.transaction()
    write.update('unit', { id: 1 }, { name: to }, { old: { name: from } })
    return await site.append(write)
  }
  const stateOf = async (id: TransactionId) => (await site.transactionById(id))?.status.state
  const untilState = (id: TransactionId, state: string) =>
    waitFor(async () => (await stateOf(id)) === state, { what: `state ${state}` })
  const untilForgotten = async () => {
    const wanted = rounds + 2
    await waitFor(() => rounds >= wanted, { what: 'two rounds of the chores' })
  }
  /** The unit was renamed to `y`, and everybody had seen it; main lost that, and somebody else took the name. */
  const loseRename = async (
    whileAway: () => Promise<void> = async () => undefined,
  ): Promise<TransactionId> => {
    const write = site.transaction()
    write.insert('unit', { id: 1, name: 'x' })
    await (await site.append(write)).replicated()
    const { transactionId, replicated } = await rename('x', 'y')
    await replicated()
    await untilForgotten()
    toMain.cut()
    await whileAway()
    await untilForgotten()
    await cluster.primary.query(`UPDATE unit SET name = 'x' WHERE id = 1`)
    await cluster.primary.query('DELETE FROM outpost.ledger WHERE transaction_id = $1', [transactionId])
    await cluster.primary.query(`INSERT INTO unit VALUES (2, 'y')`)
    toMain.restore()
    await untilState(transactionId, 'rejected')
    return transactionId
  }
  const replay = async (id: TransactionId) => {
    await cluster.primary.query('DELETE FROM unit WHERE id = 2')
    const { receipt } = await site.deadLetters.replay(id)
    await receipt.applied()
  }
  const nameOnMain = async () => (await cluster.primary.query('SELECT name FROM unit WHERE id = 1'))[0]?.name

  it('P4, N9: holds back what is recorded on its row afterwards, and a replay comes before that', async () => {
    const lost = await loseRename()
    const later = await rename('y', 'z')
    await untilState(later.transactionId, 'parked')
    await replay(lost)
    await later.applied()
    expect(await nameOnMain()).toBe('z')
  })

  it('N9: a replay does not wait for what was recorded before the loss was seen, which waits for the replay', async () => {
    let later: Receipt | undefined
    const lost = await loseRename(async () => {
      later = await rename('y', 'z')
    })
    await untilState(later!.transactionId, 'parked')
    expect(await site.deadLetters.cone(lost)).toMatchObject({ count: 1 })
    await replay(lost)
    await later!.applied()
    expect(await nameOnMain()).toBe('z')
  })
})
