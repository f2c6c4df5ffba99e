import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Pgbouncer } from './pgbouncer.ts'
import { PostgresServer } from './postgres/server.ts'
import { isAlive } from './process/process-table.ts'
import { describeEachPostgresWithPgbouncer, useServer, waitFor } from './testing.ts'

describeEachPostgresWithPgbouncer('Pgbouncer', (pg) => {
  const server = useServer(pg)
  let bouncer: Pgbouncer

  beforeAll(async () => {
    await server().query('CREATE ROLE observer LOGIN')
    await server().query('CREATE TABLE count (n int)')
    await server().query('GRANT ALL ON count TO observer')
    await server().query(`
      CREATE PROCEDURE apply(INOUT n int) LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO count VALUES (n);
        COMMIT;
        INSERT INTO count VALUES (n + 1);
        n := (SELECT count(*) FROM count);
      END $$`)
    bouncer = await Pgbouncer.start({ target: server() })
  })

  afterAll(async () => {
    const { pid } = bouncer
    await bouncer.stop()
    expect(await isAlive(pid!)).toBe(false)
  })

  const through = async <T>(user: string, use: (client: Client) => Promise<T>): Promise<T> => {
    const client = new Client({ connectionString: bouncer.connectionString('postgres', user) })
    client.on('error', () => undefined)
    await client.connect()
    return use(client).finally(() => client.end())
  }

  it('runs a CALL that commits inside, as the role that came', async () => {
    const rows = await through('observer', async (client) => (await client.query('CALL apply($1)', [1])).rows)
    expect(rows).toEqual([{ n: 2 }])
    const [row] = await through(
      'observer',
      async (client) => (await client.query('SELECT current_user::text AS who')).rows,
    )
    expect(row).toEqual({ who: 'observer' })
  })

  it('shares one server connection among transactions', async () => {
    await through('postgres', async (one) => {
      await through('postgres', async (two) => {
        const pids = []
        for (const client of [one, two, one]) {
          pids.push((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
        }
        expect(new Set(pids).size).toBe(1)
      })
    })
    expect(await bouncer.admin('SHOW POOLS')).toContainEqual(
      expect.objectContaining({ pool_mode: 'transaction' }),
    )
  })

  it('sends the next transaction of a connected client to the new target', async () => {
    const other = await PostgresServer.create({ binaries: pg.binaries, name: 'other' })
    try {
      await other.init()
      await other.start()
      await through('postgres', async (client) => {
        const port = async () => (await client.query('SELECT inet_server_port() AS port')).rows[0].port
        expect(await port()).toBe(server().port)
        await bouncer.setTarget(other)
        await waitFor(async () => (await port()) === other.port, { what: 'the other server answering' })
      })
    } finally {
      await other.destroy()
      await bouncer.setTarget(server())
    }
  })
})
