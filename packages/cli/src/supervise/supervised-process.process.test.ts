import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@outpost/lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readyMessage, SupervisedProcess } from './supervised-process.ts'

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('SupervisedProcess', () => {
  let folder: string
  let running: SupervisedProcess | undefined

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-supervise-'))
  })
  afterEach(async () => {
    await running?.stop()
    running = undefined
    rmSync(folder, { recursive: true })
  })

  function supervise(script: string, options: { readyTimeoutMs?: number; stopTimeoutMs?: number } = {}) {
    const command = {
      nodeArguments: ['-e', script],
      env: process.env,
      cwd: folder,
      logPath: join(folder, 'log'),
    }
    running = new SupervisedProcess({ name: 'probe', command, ...options })
    return running
  }

  const healthy = `process.send('${readyMessage}'); setInterval(() => {}, 1000); process.on('disconnect', () => process.exit())`

  it('is ready when the child says so, with the pid of the node process itself', async () => {
    const supervised = supervise(`console.log(process.pid); ${healthy}`)
    await supervised.start()
    expect(supervised.state).toEqual({ kind: 'ready', pid: supervised.pid })
    await waitFor(() => readFileSync(join(folder, 'log'), 'utf8').trim() === String(supervised.pid), {
      what: 'pid in the log',
    })
  })

  it('starts a child that was killed again, with a new pid', async () => {
    const supervised = supervise(healthy)
    await supervised.start()
    const first = supervised.pid!
    process.kill(first, 'SIGKILL')
    await waitFor(() => supervised.state.kind === 'ready' && supervised.pid !== first, {
      what: 'a new child',
    })
    expect(supervised.restarts).toBe(1)
  })

  it('leaves no child when it is stopped, also while one is starting again', async () => {
    const supervised = supervise(healthy)
    await supervised.start()
    const first = supervised.pid!
    process.kill(first, 'SIGKILL')
    await waitFor(() => supervised.state.kind !== 'ready', { what: 'the death being seen' })
    await supervised.stop()
    expect(supervised.pid).toBeNull()
    expect(supervised.state).toEqual({ kind: 'stopped' })
  })

  it('forces a child that does not stop at the deadline', async () => {
    const supervised = supervise(`process.on('SIGTERM', () => {}); ${healthy}`, { stopTimeoutMs: 100 })
    await supervised.start()
    const pid = supervised.pid!
    await supervised.stop()
    expect(isRunning(pid)).toBe(false)
  })

  it('says where the log is when the first start fails', async () => {
    const supervised = supervise(`console.error('no luck'); process.exit(7)`)
    await expect(supervised.start()).rejects.toMatchObject({
      code: 'start_failed',
      message: 'probe ended before it was ready (7).',
      hint: `Its log ${join(folder, 'log')} ends with:\nno luck`,
    })
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('no luck\n')
  })

  it('does not wait longer than the deadline for a child to be ready', async () => {
    const supervised = supervise('setInterval(() => {}, 1000)', { readyTimeoutMs: 300 })
    await expect(supervised.start()).rejects.toMatchObject({ message: 'probe was not ready after 300 ms.' })
    expect(supervised.pid).toBeNull()
  })
})
