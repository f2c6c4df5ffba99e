import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Link, startLink } from './link/link.ts'
import type { Cluster } from './postgres/cluster.ts'
import { untilCaughtUp } from './postgres/standby.ts'
import { isAlive } from './process/process-table.ts'
import { describeEachPostgres, startTestCluster, waitFor } from './testing.ts'

describeEachPostgres('the ground: a primary and a standby behind a link', (pg) => {
  let link: Link
  let cluster: Cluster

  beforeAll(async () => {
    link = await startLink()
    cluster = await startTestCluster(pg, { through: link })
    await cluster.primary.query('CREATE TABLE note (n int PRIMARY KEY)')
    await untilCaughtUp(cluster.standby, cluster.primary)
  })

  afterAll(async () => {
    const processes = await Promise.all(
      [cluster.primary, cluster.standby].map((server) => server.processIds()),
    )
    await cluster.stop()
    await link.stop()
    expect(await Promise.all(processes.flat().map(isAlive))).not.toContain(true)
  })

  const write = (n: number) => cluster.primary.query('INSERT INTO note VALUES ($1)', [n])
  const onStandby = async (n: number) =>
    (await cluster.standby.query('SELECT n FROM note WHERE n = $1', [n])).length === 1
  const walSenders = async () => (await cluster.primary.query('SELECT pid FROM pg_stat_replication')).length

  it('streams through the link', async () => {
    expect(await cluster.standby.isInRecovery()).toBe(true)
    const before = link.state().forwards.postgres!.bytesToClient
    await write(1)
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(1)).toBe(true)
    expect(link.state().forwards.postgres!.bytesToClient).toBeGreaterThan(before)
  })

  it('P2: writing on main goes on while the link is cut, and the standby catches up by itself after', async () => {
    link.cut()
    await waitFor(async () => (await walSenders()) === 0, { what: 'main noticing the cut' })
    await write(2)
    expect(await onStandby(2)).toBe(false)
    const restored = performance.now()
    link.restore()
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(2)).toBe(true)
    expect(performance.now() - restored).toBeLessThan(5_000)
  })

  it('P2: a half-open link holds the stream, and the standby catches up after', async () => {
    link.halfOpen()
    const held = once(link, 'held')
    await write(3)
    await held
    expect(await onStandby(3)).toBe(false)
    expect(link.state().forwards.postgres!.bufferedBytes).toBeGreaterThan(0)
    link.restore()
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(3)).toBe(true)
  })

  it('P2: a half-open link that outlasts every time-out heals as well', async () => {
    link.halfOpen()
    await waitFor(async () => (await walSenders()) === 0, { what: 'wal_sender_timeout' })
    await write(4)
    expect(await onStandby(4)).toBe(false)
    link.restore()
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(4)).toBe(true)
  })

  it('P1: main keeps what it committed over kill -9, and the standby follows it again', async () => {
    await write(5)
    await cluster.primary.kill()
    await cluster.primary.start()
    expect(await cluster.primary.query('SELECT n FROM note WHERE n = 5')).toHaveLength(1)
    await write(6)
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(6)).toBe(true)
  })

  it('a paused standby falls behind and catches up', async () => {
    await cluster.standby.pause()
    await write(7)
    await cluster.standby.resume()
    await untilCaughtUp(cluster.standby, cluster.primary)
    expect(await onStandby(7)).toBe(true)
  })

  it('stops main with a half-open standby within the deadline', async () => {
    link.halfOpen()
    await write(8)
    const started = performance.now()
    await cluster.primary.stop()
    expect(performance.now() - started).toBeLessThan(9_000)
    link.restore()
    await cluster.primary.start()
    await untilCaughtUp(cluster.standby, cluster.primary)
  })

  it('P8: a promoted standby and the old main part ways, and the old main is rebuilt to follow', async () => {
    link.cut()
    await write(100)
    await cluster.standby.promote()
    expect(await cluster.standby.isInRecovery()).toBe(false)
    await cluster.standby.query('INSERT INTO note VALUES (200)')
    await cluster.rebuild(cluster.primary, cluster.standby)
    await untilCaughtUp(cluster.primary, cluster.standby)
    expect(await cluster.primary.isInRecovery()).toBe(true)
    expect(await cluster.primary.query('SELECT n FROM note WHERE n >= 100')).toEqual([{ n: 200 }])
    const [row] = await cluster.standby.query('SELECT timeline_id FROM pg_control_checkpoint()')
    expect(row).toEqual({ timeline_id: 2 })
  })
})
