import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Link, startLink } from '@outpost/lab'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SiteDatabase } from '../site/site-api.ts'
import { Connection } from './connection.ts'
import { connectionConfig } from './connection-config.ts'
import { classify, sqlstateOf } from './sqlstate.ts'

describe('connectionConfig', () => {
  const database: SiteDatabase = { host: 'main.example', port: 6432, user: 'outpost', database: 'ops' }

  it('sends nothing at startup that a transaction-mode pooler refuses', () => {
    const config = connectionConfig(database, { applicationName: 'outpost' })
    for (const refused of [
      'statement_timeout',
      'options',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
    ]) {
      expect(config).not.toHaveProperty(refused)
    }
    expect(config).toMatchObject({ host: 'main.example', port: 6432, ssl: false, keepAlive: true })
  })

  it('cuts the application name where PostgreSQL would, between characters', () => {
    const config = connectionConfig(database, { applicationName: 'é'.repeat(40) })
    expect(config.application_name).toBe('é'.repeat(31))
  })
})

describeEachPostgres('Connection', (pg) => {
  const server = useServer(pg)
  let link: Link
  let config: ReturnType<typeof connectionConfig>

  beforeAll(async () => {
    link = await startLink()
    const { host, port } = await link.forward('main', { host: server().host, port: server().port })
    const database: SiteDatabase = { host, port, user: 'postgres', database: 'postgres' }
    config = connectionConfig(database, { applicationName: 'outpost test', connectTimeoutMs: 2_000 })
  })
  afterAll(() => link.stop())

  it('connects with its name, queries and closes', async () => {
    const connection = await Connection.open(config)
    const { rows } = await connection.query<{ name: string }>(
      "SELECT current_setting('application_name') AS name",
      { timeoutMs: 2_000 },
    )
    expect(rows).toEqual([{ name: 'outpost test' }])
    await connection.close()
    await connection.close()
    expect(connection.isUsable).toBe(false)
  })

  it('stays usable after an error of a statement', async () => {
    const connection = await Connection.open(config)
    const failed = connection.query('SELECT 1/0', { timeoutMs: 2_000 })
    await expect(failed.catch(sqlstateOf)).resolves.toBe('22012')
    expect((await connection.query('SELECT 1 AS one', { timeoutMs: 2_000 })).rows).toEqual([{ one: 1 }])
    await connection.close()
  })

  it('P2: a half-open link does not hold a statement beyond its deadline', async () => {
    const connection = await Connection.open(config)
    link.halfOpen()
    const started = performance.now()
    const error = await connection.query('SELECT 1', { timeoutMs: 200 }).catch((e: unknown) => e)
    link.restore()
    expect(classify(error)).toBe('connectivity')
    expect(performance.now() - started).toBeLessThan(1_500)
    expect(connection.isUsable).toBe(false)
    await expect(connection.query('SELECT 1', { timeoutMs: 200 })).rejects.toBe(error)
    await connection.close()
  })

  it('P2: a half-open link does not hold connecting, nor closing', async () => {
    const connection = await Connection.open(config)
    link.halfOpen()
    const started = performance.now()
    const error = await Connection.open({ ...config, connectionTimeoutMillis: 200 }).catch((e: unknown) => e)
    await connection.close(200)
    link.restore()
    expect(classify(error)).toBe('connectivity')
    expect(performance.now() - started).toBeLessThan(1_500)
  })

  it('P2: a server that accepts and stays silent does not hold connecting', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { readonly port: number }
    const error = await Connection.open({ ...config, port, connectionTimeoutMillis: 150 }).catch(
      (e: unknown) => e,
    )
    silent.close()
    expect(classify(error)).toBe('connectivity')
  })

  it('gives up when it is told to', async () => {
    const connection = await Connection.open(config)
    const controller = new AbortController()
    const sleeping = connection.query('SELECT pg_sleep(30)', { timeoutMs: 20_000, signal: controller.signal })
    controller.abort()
    expect(classify(await sleeping.catch((e: unknown) => e))).toBe('connectivity')
    const late = connection.query('SELECT 1', { timeoutMs: 1_000, signal: controller.signal })
    await expect(late).rejects.toThrow()
  })

  it('N11: a link that is cut, a server that refuses and one that ends the backend are connectivity', async () => {
    const connection = await Connection.open(config)
    const pid = (
      await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid', { timeoutMs: 2_000 })
    ).rows[0]!.pid
    const sleeping = connection.query('SELECT pg_sleep(30)', { timeoutMs: 20_000 }).catch((e: unknown) => e)
    await server().query('SELECT pg_terminate_backend($1)', [pid])
    expect(classify(await sleeping)).toBe('connectivity')

    const second = await Connection.open(config)
    const cut = second.query('SELECT pg_sleep(30)', { timeoutMs: 20_000 }).catch((e: unknown) => e)
    link.cut()
    expect(classify(await cut)).toBe('connectivity')
    const refused = await Connection.open(config).catch((e: unknown) => e)
    link.restore()
    expect(classify(refused)).toBe('connectivity')
    await second.close()
  })

  it('N11: an unknown database stops and alarms, a read-only main waits', async () => {
    const missing = await Connection.open({ ...config, database: 'nowhere' }).catch((e: unknown) => e)
    expect([sqlstateOf(missing), classify(missing)]).toEqual(['3D000', 'configuration'])
    const connection = await Connection.open(config)
    await connection.query('SET default_transaction_read_only = on', { timeoutMs: 2_000 })
    const refused = await connection
      .query('CREATE TABLE t (id int)', { timeoutMs: 2_000 })
      .catch((e: unknown) => e)
    expect([sqlstateOf(refused), classify(refused)]).toEqual(['25006', 'connectivity'])
    await connection.close()
  })

  it('survives the loss of an idle connection', async () => {
    const connection = await Connection.open(config)
    link.cut()
    link.restore()
    await waitFor(async () => !connection.isUsable, { what: 'the loss being noticed' })
    expect(classify(await connection.query('SELECT 1', { timeoutMs: 500 }).catch((e: unknown) => e))).toBe(
      'connectivity',
    )
  })
})
