import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, isAlive, isFree, waitFor } from '@outpost/lab'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runRecorded } from '../command/recorded-run.spec-suite.ts'
import { callSite } from '../site/site-client.ts'
import type { ReadyDemo } from './ready-line.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

interface StartedDemo {
  readonly process: ChildProcess
  readonly demo: ReadyDemo
  readonly stdout: () => string
}

interface ObsUnit {
  readonly id: string
  readonly transaction_state: string
}

describe('npm start -- --json --no-night', { timeout: 180_000 }, () => {
  /** Temporary folder of the demo alone, so that whatever it leaves can be seen. */
  let temporary: string
  let running: ChildProcess | undefined

  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'outpost-demo-test-'))
    // When the tests run as root, the servers run as another user.
    chmodSync(temporary, 0o755)
  })
  afterEach(async () => {
    if (running) await interrupt(running)
    running = undefined
    rmSync(temporary, { recursive: true, force: true })
  })

  async function start(...options: string[]): Promise<StartedDemo> {
    const child = spawn('npm', ['start', '--silent', '--', '--json', '--no-night', ...options], {
      cwd: root,
      env: { ...process.env, TMPDIR: temporary },
      // A group of its own: a Ctrl-C is then sent to npm, its shell and the demo, as a terminal does.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running = child
    const output = { stdout: '', stderr: '' }
    child.stdout?.on('data', (data: Buffer) => {
      output.stdout += data.toString()
    })
    child.stderr?.on('data', (data: Buffer) => {
      output.stderr += data.toString()
    })
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output.stderr}`)
        return output.stdout.includes('\n')
      },
      { what: 'the ready line', deadlineMs: 60_000 },
    )
    if (!output.stdout.startsWith('{"main"')) throw new Error(output.stderr)
    return {
      process: child,
      demo: JSON.parse(output.stdout) as ReadyDemo,
      stdout: () => output.stdout,
    }
  }

  /** Ctrl-C; returns when the last process that writes to our pipes is gone. */
  async function interrupt(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    process.kill(-child.pid!, 'SIGINT')
    await ended
  }

  const record = (demo: ReadyDemo, notes: string) =>
    callSite(demo.observatory, '/executed_obs_units/start', {
      method: 'POST',
      body: { obs_unit_id: 1, notes },
    }) as Promise<ObsUnit>

  const newest = async (site: ReadyDemo['main']) => {
    const page = await callSite(site, '/executed_obs_units?sort=-start_time&limit=3')
    return (page as { items: readonly ObsUnit[] }).items
  }

  const work = async (demo: ReadyDemo, action: string) => {
    const response = await fetch(`${demo.link.url}${action}`, { method: 'POST' })
    expect(response.status).toBe(200)
  }

  const pidOf = async (demo: ReadyDemo, site: 'main' | 'observatory') => {
    const state = (await (await fetch(`${demo.link.url}/`)).json()) as Record<
      string,
      { readonly pid: number | null }
    >
    return state[site]?.pid
  }

  async function onMain(demo: ReadyDemo, id: string): Promise<number> {
    const client = new Client({ connectionString: demo.main.database_url })
    await client.connect()
    try {
      return (await client.query('SELECT FROM public.executed_obs_unit WHERE id = $1', [id])).rowCount ?? 0
    } finally {
      await client.end()
    }
  }

  it('P1, P2, P3, P6: records with the link cut, survives kill -9, and reaches main once', async () => {
    const { demo, process: child, stdout } = await start('--port', String(await freeBlock()))
    expect(Object.keys(demo)).toEqual(['main', 'observatory', 'link'])
    expect(Object.keys(demo.main)).toEqual(['url', 'token', 'database_url', 'pid'])

    await work(demo, '/cut')
    const unit = await record(demo, 'while the link is cut')
    expect(unit.transaction_state).toBe('buffered')
    expect(await newest(demo.observatory)).toMatchObject([{ id: unit.id, transaction_state: 'buffered' }])
    expect(await onMain(demo, unit.id)).toBe(0)

    process.kill(demo.observatory.pid, 'SIGKILL')
    const pid = await waitFor(
      async () => {
        const now = await pidOf(demo, 'observatory')
        return now !== demo.observatory.pid && now
      },
      { what: 'a new process of the observatory', deadlineMs: 30_000 },
    )
    expect(await isAlive(pid)).toBe(true)
    await waitFor(async () => (await newest(demo.observatory))[0]?.id === unit.id, {
      what: 'the record at the restarted site',
      deadlineMs: 30_000,
    })

    expect(await migrateOn(demo.observatory.database_url)).toBe(4)
    await work(demo, '/restore')
    await waitFor(async () => (await onMain(demo, unit.id)) === 1, {
      what: 'the record on main',
      deadlineMs: 30_000,
    })
    await waitFor(async () => (await newest(demo.observatory))[0]?.transaction_state === 'replicated', {
      what: 'the record being confirmed',
      deadlineMs: 30_000,
    })

    await interrupt(child)
    // One line on stdout for as long as it ran.
    expect(stdout().trim().split('\n')).toHaveLength(1)
    for (const each of [demo.main.pid, demo.observatory.pid, pid]) expect(await isAlive(each)).toBe(false)
    expect(readdirSync(temporary).filter((name) => name.startsWith('outpost-lab-'))).toEqual([])
  })

  it('goes on with the data of --dir, the journal included', async () => {
    const base = String(await freeBlock())
    const folder = join(temporary, 'kept')
    const first = await start('--dir', folder, '--port', base)
    await work(first.demo, '/cut')
    const unit = await record(first.demo, 'kept in the journal')
    await interrupt(first.process)
    expect(existsSync(folder)).toBe(true)

    const second = await start('--dir', folder, '--port', base)
    expect(await newest(second.demo.observatory)).toMatchObject([{ id: unit.id }])
    await waitFor(async () => (await onMain(second.demo, unit.id)) === 1, { what: 'the record on main' })
  })

  it('leaves no process when it is killed itself, and the next run with its folder starts', async () => {
    const base = String(await freeBlock())
    const folder = join(temporary, 'killed')
    const { demo, process: child } = await start('--dir', folder, '--port', base)
    const unit = await record(demo, 'before the kill')
    process.kill(-child.pid!, 'SIGKILL')
    await waitFor(async () => !(await isAlive(demo.main.pid)) && !(await isAlive(demo.observatory.pid)), {
      what: 'the end of both sites',
    })
    for (const { database_url: url } of [demo.main, demo.observatory]) {
      await waitFor(() => isFree(Number(new URL(url).port)), { what: `the end of the server at ${url}` })
    }
    const second = await start('--dir', folder, '--port', base)
    expect(await newest(second.demo.observatory)).toMatchObject([{ id: unit.id }])
  })
})

/** Exit code of `outpost migrate` against a server. */
async function migrateOn(databaseUrl: string): Promise<number> {
  const { hostname, port, username, pathname } = new URL(databaseUrl)
  const { code } = await runRecorded(['migrate'], {
    MAIN_DB_HOST: hostname,
    MAIN_DB_PORT: port,
    MAIN_DB_USER: username,
    MAIN_DB_NAME: pathname.slice(1),
  })
  return code
}

/** The first of ten ports that are free now. */
async function freeBlock(): Promise<number> {
  return (await freePort()) - 5
}
