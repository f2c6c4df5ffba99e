import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { BoundedClient } from './bounded-client.ts'

describeEachPostgres('a client of a pool', (pg) => {
  const server = useServer(pg)

  it('P11: fails to connect, and nothing else, when its connection breaks before it is settled', async () => {
    const { host, port } = server()
    const admin = await server().connect()
    const client = new BoundedClient({ host, port, user: 'postgres', database: 'postgres' })
    const broken = new Promise((resolve) => client.once('end', resolve))
    const ask = client.query.bind(client) as (...values: unknown[]) => Promise<unknown>
    const askTooLate = async (...values: unknown[]) => {
      const { processID } = client as unknown as { processID: number }
      await admin.query('SELECT pg_terminate_backend($1)', [processID])
      await broken
      return await ask(...values)
    }
    client.query = askTooLate as unknown as typeof client.query
    await expect(client.connect()).rejects.toThrow()
    await admin.end()
  })
})
