import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import type { Site } from 'outpost'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createToken } from '../auth/create-token.ts'
import { loadConfiguration } from '../configuration/configuration.ts'
import { opsDbMigrations } from '../migrations/migrations.ts'
import { seedReferenceData } from '../reference/seed-reference-data.ts'
import { serve } from './serve.ts'

describeEachPostgres('serve', (version) => {
  const server = useServer(version)
  let folder = ''
  let token = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serve-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    token = (await createToken(client, { name: 'test', scopes: ['write'] })).token
    await client.end()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const configurationOf = (port: number) =>
    loadConfiguration({
      env: {
        SITE_NAME: 'main',
        SITE_TYPE: 'main',
        SECRET_KEY: 'a secret of the tests',
        MAIN_DB_HOST: server().host,
        MAIN_DB_PORT: String(server().port),
        MAIN_DB_USER: 'postgres',
        MAIN_DB_NAME: 'postgres',
        JOURNAL_PATH: join(folder, 'journal'),
        PORT: String(port),
      },
    })

  it('P1: answers every request that it accepted, stops without waiting for the drain, and starts again', async () => {
    const service = await serve(configurationOf(0), { logLevel: 'silent', handlesSignals: false })
    const start = () =>
      fetch(`${service.url}/executed_obs_units/start`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ obs_unit_id: 1 }),
      })
    await waitFor(async () => (await start()).status === 201, { what: 'the token is known' })
    // With main frozen the answers wait for it, so that the stop meets requests under way.
    await server().pause()
    const underWay = Array.from({ length: 10 }, start)
    await waitFor(() => service.site.bufferStatistics().pending_transactions >= 10, { what: 'ten under way' })
    const stopping = service.stop()
    const answers = await Promise.all(underWay)
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201))
    await server().resume()
    await stopping
    await service.stopped
    await expect(start()).rejects.toThrow()

    const again = await serve(configurationOf(0), { logLevel: 'silent', handlesSignals: false })
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id))
    const onMain = () => server().query('SELECT FROM executed_obs_unit WHERE id = ANY ($1)', [ids])
    await waitFor(async () => (await onMain()).length === 10, { what: 'all ten on main' })
    await again.stop()
  })

  /** A connection that speaks HTTP by hand, and what came back on it. */
  const byHand = async (url: string): Promise<{ socket: Socket; received: () => string }> => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString()
    })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return { socket, received: () => text }
  }
  const startRequest = (): string => {
    const body = JSON.stringify({ obs_unit_id: 1 })
    return (
      'POST /executed_obs_units/start HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
      `Authorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  }
  const pendingOf = (service: { readonly site: Site }) => service.site.bufferStatistics().pending_transactions

  it('P1: answers every pipelined request that it recorded, also while it stops', async () => {
    const service = await serve(configurationOf(0), { logLevel: 'silent', handlesSignals: false })
    const { socket, received } = await byHand(service.url)
    await waitFor(() => service.site.isMainConnected, { what: 'main is known' })
    await server().pause()
    const before = pendingOf(service)
    socket.write(startRequest().repeat(20))
    await waitFor(() => pendingOf(service) >= before + 20, { what: 'all are under way' })
    const stopping = service.stop()
    await once(socket, 'close')
    expect(received().match(/HTTP\/1.1 201/g)).toHaveLength(20)
    await server().resume()
    await stopping
  })

  it('is not held up by clients that never finish their requests', async () => {
    const service = await serve(configurationOf(0), { logLevel: 'silent', handlesSignals: false })
    const slow = await Promise.all(
      [startRequest().slice(0, -3), 'GET /health HTTP/1.1\r\nHost: a\r\n', ''].map(async (bytes) => {
        const { socket } = await byHand(service.url)
        socket.write(bytes)
        return socket
      }),
    )
    await waitFor(async () => (await fetch(`${service.url}/health`)).status === 200, {
      what: 'it has read them',
    })
    const startedMs = performance.now()
    await service.stop()
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    for (const socket of slow) socket.destroy()
  })

  it('says which port is taken, and leaves nothing open', async () => {
    const service = await serve(configurationOf(0), { logLevel: 'silent', handlesSignals: false })
    const port = Number(new URL(service.url).port)
    const journal = { ...configurationOf(port), journalPath: join(folder, 'other') }
    await expect(serve(journal, { logLevel: 'silent', handlesSignals: false })).rejects.toMatchObject({
      code: 'port_in_use',
    })
    await service.stop()
  })
})
