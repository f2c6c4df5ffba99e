import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { isAlive } from '../process/process-table.ts'
import { describeEachPostgres, freshDatabase, useServer } from '../testing.ts'
import { PostgresServer } from './server.ts'

describeEachPostgres('PostgresServer', (pg) => {
  const server = useServer(pg)

  it('runs the wanted version with durable settings', async () => {
    const [row] = await server().query(
      "SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('fsync') AS fsync",
    )
    expect(row).toEqual({ major: pg.major, fsync: 'on' })
  })

  it('keeps the port, and what was committed, over kill -9 in the middle of a statement', async () => {
    const { port } = server()
    await server().query('CREATE TABLE kept AS SELECT 1 AS n')
    const busy = await server().connect()
    const interrupted = busy.query('SELECT pg_sleep(30)').catch((error: Error) => error)
    const processes = await server().processIds()
    await server().kill()
    expect(await interrupted).toBeInstanceOf(Error)
    expect(await Promise.all(processes.map(isAlive))).not.toContain(true)
    expect(server().pid).toBeUndefined()
    await server().start()
    expect(server().port).toBe(port)
    expect(await server().query('SELECT n FROM kept')).toEqual([{ n: 1 }])
  })

  it('gives no answer while paused and the same answer after', async () => {
    const client = await server().connect()
    await server().pause()
    let answered = false
    const answer = client.query('SELECT 42 AS n').then((result) => {
      answered = true
      return result.rows
    })
    const refused = await server()
      .connect('postgres', 'postgres', 300)
      .catch((error: Error) => error)
    expect(refused).toBeInstanceOf(Error)
    expect(answered).toBe(false)
    await server().resume()
    expect(await answer).toEqual([{ n: 42 }])
    await client.end()
  })

  it('changes settings, and takes one back', async () => {
    await server().setConfig({ work_mem: '7MB' })
    expect(await server().query('SHOW work_mem')).toEqual([{ work_mem: '7MB' }])
    await server().setConfig({ work_mem: null })
    expect(await server().query('SHOW work_mem')).toEqual([{ work_mem: '4MB' }])
  })

  it('gives each test a database of its own', async () => {
    const [one, two] = [await freshDatabase(server()), await freshDatabase(server())]
    await server().query('CREATE TABLE only_here ()', [], one.name)
    const [row] = await server().query("SELECT to_regclass('only_here') AS found", [], two.name)
    expect(row).toEqual({ found: null })
    await Promise.all([one.drop(), two.drop()])
  })

  it('refuses a data directory whose server somebody else runs', async () => {
    const second = await PostgresServer.create({ binaries: pg.binaries, folder: server().folder })
    await expect(second.start()).rejects.toMatchObject({ code: 'server_running' })
  })

  it('keeps data in a folder of the caller, however closed, and starts over what was not finished', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'closed-')), 'data')
    const open = () => PostgresServer.create({ binaries: pg.binaries, folder })
    const unfinished = await open()
    await unfinished.makeDataDirectory()
    expect(await unfinished.hasData()).toBe(false)
    const first = await open()
    await first.init()
    await first.start()
    await first.query('CREATE TABLE kept ()')
    await first.stop()
    const second = await open()
    expect(await second.hasData()).toBe(true)
    await second.start()
    expect(await second.query('SELECT * FROM kept')).toEqual([])
    await second.destroy()
    await rm(dirname(folder), { recursive: true })
  })

  it('never clears a directory that it did not begin', async () => {
    const stranger = await PostgresServer.create({ binaries: pg.binaries, folder: server().folder })
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(stranger.init()).rejects.toMatchObject({ code: 'data_exists' })
    }
    expect(await server().hasData()).toBe(true)
  })

  it('leaves neither process nor file', async () => {
    const brief = await PostgresServer.create({ binaries: pg.binaries })
    await brief.init()
    await brief.start()
    const processes = await brief.processIds()
    await brief.destroy()
    expect(processes.length).toBeGreaterThan(1)
    expect(await Promise.all(processes.map(isAlive))).not.toContain(true)
    await expect(stat(brief.folder)).rejects.toThrow('ENOENT')
  })
})
