import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import driver from 'pg'
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

  it('has the password that its pool was given', async () => {
    await server().query(`CREATE ROLE behind_password LOGIN PASSWORD 'of the test'`)
    const hba = join(server().dataDirectory, 'pg_hba.conf')
    await writeFile(hba, 'host all behind_password all scram-sha-256\nhost all all all trust\n')
    await server().reload()
    const { host, port } = server()
    const pool = new driver.Pool({
      host,
      port,
      user: 'behind_password',
      database: 'postgres',
      password: 'of the test',
      Client: BoundedClient,
    })
    try {
      expect((await pool.query('SELECT current_user AS name')).rows).toEqual([{ name: 'behind_password' }])
    } finally {
      await pool.end()
      await server().query('DROP ROLE behind_password')
    }
  })
})
