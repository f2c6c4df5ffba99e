import { chmod, copyFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Authority, type Certificate, encrypt } from '@outpost/lab'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { isOutpostError } from '../errors/outpost-error.ts'
import type { SiteDatabase } from '../site/site-api.ts'
import { Connection } from './connection.ts'
import { connectionConfig } from './connection-config.ts'
import { classify, sqlstateOf } from './sqlstate.ts'
import { tlsAdvice } from './tls-advice.ts'

describeEachPostgres('an encrypted connection', (pg) => {
  const server = useServer(pg)
  let authority: Authority
  let stranger: Authority
  let certificate: Certificate

  beforeAll(async () => {
    authority = await Authority.create()
    stranger = await Authority.create('a stranger')
    await server().query('CREATE ROLE certified LOGIN')
    await writeFile(
      join(server().dataDirectory, 'pg_hba.conf'),
      'hostssl all certified all cert\nhost all certified all reject\nhost all all all trust\n',
    )
  })
  beforeEach(async () => {
    certificate = await authority.issue()
    await encrypt(server(), certificate, { clients: authority })
  })
  afterAll(() => Promise.all([authority.destroy(), stranger.destroy()]))

  const database = (options: Partial<SiteDatabase>): SiteDatabase => ({
    host: '127.0.0.1',
    port: server().port,
    user: 'postgres',
    database: 'postgres',
    ...options,
  })
  /** What the server says of the connection. */
  const connect = async (options: Partial<SiteDatabase>) => {
    const connection = await Connection.open(
      connectionConfig(database(options), { applicationName: 'outpost test' }),
    )
    try {
      const { rows } = await connection.query<{ ssl: boolean; client: string | null }>(
        'SELECT ssl, client_dn AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
        { timeoutMs: 5_000 },
      )
      return rows[0]!
    } finally {
      await connection.close()
    }
  }
  const refusal = (options: Partial<SiteDatabase>): Promise<unknown> =>
    connect(options).then(
      () => expect.fail('it was accepted'),
      (error: unknown) => error,
    )

  it('is as its mode says, by address and by name', async () => {
    const sslRootCert = authority.cert
    expect(await connect({ ssl: 'disable' })).toMatchObject({ ssl: false })
    expect(await connect({})).toMatchObject({ ssl: false })
    expect(await connect({ ssl: 'require' })).toMatchObject({ ssl: true })
    expect(await connect({ ssl: 'verify-full', sslRootCert })).toMatchObject({ ssl: true })
    expect(await connect({ ssl: 'verify-full', sslRootCert, host: 'localhost' })).toMatchObject({ ssl: true })
  })

  it('is refused under another name; verify-ca and require look at the authority alone, as in libpq', async () => {
    await authority.renew(certificate, { alternativeNames: 'DNS:elsewhere.example.org' })
    await encrypt(server(), certificate)
    const sslRootCert = authority.cert
    const error = await refusal({ ssl: 'verify-full', sslRootCert })
    expect([classify(error), tlsAdvice(error)]).toEqual([
      'configuration',
      expect.stringContaining('subjectAltName'),
    ])
    expect(await connect({ ssl: 'verify-ca', sslRootCert })).toMatchObject({ ssl: true })
    expect(await connect({ ssl: 'require', sslRootCert })).toMatchObject({ ssl: true })
  })

  it('is refused where an unknown authority signed it, unless nobody asked for a check', async () => {
    for (const ssl of ['require', 'verify-ca', 'verify-full'] as const) {
      const error = await refusal({ ssl, sslRootCert: stranger.cert })
      expect([classify(error), tlsAdvice(error)]).toEqual([
        'configuration',
        expect.stringContaining('MAIN_DB_SSLROOTCERT'),
      ])
    }
    // Without a root certificate those of Node count, and `require` checks nothing.
    expect(tlsAdvice(await refusal({ ssl: 'verify-full' }))).toContain('MAIN_DB_SSLROOTCERT')
    expect(await connect({ ssl: 'require' })).toMatchObject({ ssl: true })
  })

  it('is refused with an expired certificate, and accepted once that was renewed on the server', async () => {
    const how = { ssl: 'verify-full', sslRootCert: authority.cert } as const
    await authority.renew(certificate, { days: -1 })
    await encrypt(server(), certificate)
    const error = await refusal(how)
    expect(error).toMatchObject({ code: 'CERT_HAS_EXPIRED' })
    expect(tlsAdvice(error)).toContain('renew it there')
    await authority.renew(certificate)
    await encrypt(server(), certificate)
    expect(await connect(how)).toMatchObject({ ssl: true })
  })

  it('is refused by a server that has no encryption', async () => {
    await server().setConfig({ ssl: false })
    const error = await refusal({ ssl: 'require' })
    expect([classify(error), tlsAdvice(error)]).toEqual([
      'configuration',
      expect.stringContaining('`ssl = on`'),
    ])
  })

  it('shows a certificate of its own, and reads a renewed one without a restart', async () => {
    const own = await authority.issue({ name: 'certified', days: -1 })
    const how = { user: 'certified', ssl: 'verify-full', sslRootCert: authority.cert } as const
    const config = connectionConfig(database({ ...how, sslCert: own.cert, sslKey: own.key }), {
      applicationName: 'outpost test',
    })
    const expired = await Connection.open(config).catch((error: unknown) => error)
    expect([classify(expired), tlsAdvice(expired)]).toEqual([
      'configuration',
      expect.stringContaining('sslcert, sslkey'),
    ])
    const foreign = await stranger.issue({ name: 'certified' })
    expect(classify(await refusal({ ...how, sslCert: foreign.cert, sslKey: foreign.key }))).toBe(
      'configuration',
    )
    expect(sqlstateOf(await refusal(how))).toBe('28000')

    await authority.renew(own, { name: 'certified' })
    await (await Connection.open(config)).close()
    expect(await connect({ ...how, sslCert: own.cert, sslKey: own.key })).toEqual({
      ssl: true,
      client: '/CN=certified',
    })
  })

  it('P9: names the file that cannot be used, and never ends the process', async () => {
    const own = await authority.issue({ name: 'certified' })
    const other = await authority.issue({ name: 'certified' })
    const open = join(authority.folder, 'open.key')
    await copyFile(own.key, open)
    await chmod(open, 0o644)
    const empty = join(authority.folder, 'empty.crt')
    await writeFile(empty, '')
    const how = { ssl: 'verify-full', sslRootCert: authority.cert } as const
    for (const [options, message] of [
      [{ ...how, sslRootCert: '/nowhere/ca.crt' }, /\/nowhere\/ca\.crt cannot be read \(ENOENT\)/],
      [{ ...how, sslRootCert: empty }, /empty\.crt holds no certificate in PEM form/],
      [
        { ...how, sslCert: own.cert, sslKey: open },
        /open\.key is a private key that others may read \(mode 644\)/,
      ],
      [{ ...how, sslCert: own.cert, sslKey: other.key }, /do not fit together: .*key values mismatch/],
    ] as const) {
      const error = await refusal(options)
      expect(isOutpostError(error, 'config_invalid') && error.message).toMatch(message)
      expect(classify(error)).toBe('configuration')
    }
    await rm(open)
  })
})
