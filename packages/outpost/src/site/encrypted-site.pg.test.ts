import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, type Certificate, type Cluster, encrypt, startCluster, waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Site } from './site-api.ts'

describeEachPostgres('a site with encrypted connections', (pg) => {
  let cluster: Cluster
  let authority: Authority
  let certificates: { readonly main: Certificate; readonly replica: Certificate }
  let folder: string
  let site: Site

  beforeAll(async () => {
    authority = await Authority.create()
    certificates = { main: await authority.issue(), replica: await authority.issue() }
    cluster = await startCluster({ binaries: pg.binaries })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE unit (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)')
    await client.end()
    await encrypt(cluster.primary, certificates.main)
    await encrypt(cluster.standby, certificates.replica)
    folder = await mkdtemp(join(tmpdir(), 'outpost-site-'))
    const database = ({ port }: { readonly port: number }) => ({
      host: 'localhost',
      port,
      user: 'postgres',
      database: 'postgres',
      ssl: 'verify-full' as const,
      sslRootCert: authority.cert,
    })
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: database(cluster.primary),
      local: database(cluster.standby),
      journalPath: folder,
      secretKey: 'a secret of some length',
      idleIntervalMs: 100,
    })
  })
  afterAll(async () => {
    await site?.stop()
    await cluster?.stop()
    await authority?.destroy()
    await rm(folder, { recursive: true, force: true })
  })

  const record = async (name: string) => {
    const write = site.transaction()
    write.insert('unit', { name })
    return await site.append(write)
  }
  const endSessions = (server: Cluster['primary']) =>
    server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'outpost%'`,
    )

  it('reaches main and its replica, all of it encrypted', async () => {
    await (await record('first')).replicated()
    for (const server of [cluster.primary, cluster.standby]) {
      const rows = await server.query<{ encrypted: boolean }>(
        `SELECT bool_and(s.ssl) AS encrypted FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'outpost%'`,
      )
      expect(rows).toEqual([{ encrypted: true }])
    }
  })

  it('P2, N11: records on while certificates are expired, says what to do, and goes on once they are renewed', async () => {
    for (const [server, certificate] of [
      [cluster.primary, certificates.main],
      [cluster.standby, certificates.replica],
    ] as const) {
      await authority.renew(certificate, { days: -1 })
      await encrypt(server, certificate)
      await endSessions(server)
    }
    const receipt = await record('second')
    const problem = async (code: string) => (await site.health()).problems.find((one) => one.code === code)
    const isToldOf = async (code: string, word: string) =>
      (await problem(code))?.message.includes(word) === true
    await waitFor(
      async () =>
        (await isToldOf('configuration', 'expired')) && (await isToldOf('replica_unreachable', 'encryption')),
      { what: 'both being told' },
    )
    expect(await problem('configuration')).toMatchObject({
      message: expect.stringContaining('certificate has expired'),
      hint: expect.stringContaining('renew it there'),
    })
    expect(await problem('replica_unreachable')).toMatchObject({
      message: 'The local replica does not answer: its encryption failed (CERT_HAS_EXPIRED).',
      hint: expect.stringContaining('renew it there'),
    })
    expect(receipt.state).toBe('buffered')

    await authority.renew(certificates.main)
    await authority.renew(certificates.replica)
    await encrypt(cluster.primary, certificates.main)
    await encrypt(cluster.standby, certificates.replica)
    await site.resumeApplying()
    await receipt.replicated()
    await waitFor(
      async () => (await site.health()).problems.every((one) => one.code !== 'replica_unreachable'),
      {
        what: 'the replica being used again',
      },
    )
  })
})
