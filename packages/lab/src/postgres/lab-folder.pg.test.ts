import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { descendantsOf, isAlive, signal } from '../process/process-table.ts'
import { describeEachPostgres, waitFor } from '../testing.ts'
import { sweepOrphans } from './lab-folder.ts'

const here = dirname(fileURLToPath(import.meta.url))

interface Started {
  readonly child: ChildProcess
  readonly folder: string
  readonly processes: number[]
}

describeEachPostgres('a killed process that had started servers', (pg) => {
  /** A process of its own that starts a server and then does nothing. */
  const startElsewhere = async (): Promise<Started> => {
    const program = `
      import { PostgresServer } from ${JSON.stringify(`${here}/server.ts`)}
      import { findPostgres } from ${JSON.stringify(`${here}/binaries.ts`)}
      const server = await PostgresServer.create({ binaries: findPostgres(${pg.major}) })
      await server.init()
      await server.start()
      console.log(JSON.stringify({ folder: server.folder, pid: server.pid }))
      setInterval(() => undefined, 1000)`
    const args = ['--conditions=@outpost/source', '--import', 'tsx', '--input-type=module', '-e', program]
    const child = spawn(process.execPath, args, { cwd: here, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { folder, pid } = JSON.parse(String(line)) as { folder: string; pid: number }
    return { child, folder, processes: [pid, ...(await descendantsOf(pid))] }
  }
  const kill = async (child: ChildProcess) => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const alive = async (processes: readonly number[]) =>
    (await Promise.all(processes.map(isAlive))).includes(true)

  it('leaves nothing after the next sweep, even when its server was frozen', async () => {
    const { child, folder, processes } = await startElsewhere()
    for (const pid of processes) signal(pid, 'SIGSTOP')
    await kill(child)
    expect(await alive(processes)).toBe(true)
    expect(await sweepOrphans()).toContain(folder)
    expect(await alive(processes)).toBe(false)
    await expect(stat(folder)).rejects.toThrow('ENOENT')
  })

  it.skipIf(process.platform !== 'linux')('takes its servers along where setpriv exists', async () => {
    const { child, processes } = await startElsewhere()
    expect(processes.length).toBeGreaterThan(1)
    await kill(child)
    await waitFor(async () => !(await alive(processes)), { what: 'the end of the server' })
    await sweepOrphans()
  })

  it('keeps what belongs to a living process', async () => {
    const { child, folder, processes } = await startElsewhere()
    expect(await sweepOrphans()).not.toContain(folder)
    expect(await alive(processes)).toBe(true)
    await kill(child)
    await sweepOrphans()
  })
})
