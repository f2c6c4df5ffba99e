import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProcess, isAlive, waitFor } from '@outpost/lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeFolder } from './folder.ts'
import { notePid } from './leftover-site.ts'

const sites = ['main', 'observatory']

describe('takeFolder', () => {
  let parent: string
  let dir: string

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'outpost-folder-'))
    dir = join(parent, 'demo')
  })
  afterEach(() => rmSync(parent, { recursive: true, force: true }))

  const open = () => chmodSync(parent, 0o755)

  it('makes a temporary folder and removes it', async () => {
    const folder = await takeFolder(undefined, sites)
    expect(existsSync(folder.siteFolder('observatory'))).toBe(true)
    await folder.release()
    expect(existsSync(folder.path)).toBe(false)
  })

  it('keeps a named folder with its secret and tokens, readable by its owner alone', async () => {
    open()
    const first = await takeFolder(dir, sites)
    expect(first.isKept).toBe(false)
    await first.markReady({ ...first.settings, tokens: { main: 'a', observatory: 'b' } })
    await first.release()
    expect(statSync(join(dir, 'demo.json')).mode & 0o777).toBe(0o600)

    const second = await takeFolder(dir, sites)
    expect(second.isKept).toBe(true)
    expect(second.settings).toEqual({
      secretKey: first.settings.secretKey,
      tokens: { main: 'a', observatory: 'b' },
      isReady: true,
    })
  })

  it('throws a set-up away that never became ready', async () => {
    open()
    const first = await takeFolder(dir, sites)
    mkdirSync(join(dir, 'main'))
    await first.release()
    const second = await takeFolder(dir, sites)
    expect(second.isKept).toBe(false)
    expect(existsSync(join(dir, 'main'))).toBe(false)
  })

  it('P10: refuses a folder that holds something else, and touches nothing in it', async () => {
    mkdirSync(dir)
    writeFileSync(join(dir, 'thesis.tex'), 'precious')
    await expect(takeFolder(dir, sites)).rejects.toMatchObject({ code: 'folder_in_use', exitCode: 2 })
    expect(readFileSync(join(dir, 'thesis.tex'), 'utf8')).toBe('precious')
    expect(existsSync(join(dir, 'owner'))).toBe(false)
  })

  it('names the demo that runs in it', async () => {
    open()
    await takeFolder(dir, sites)
    await expect(takeFolder(dir, sites)).rejects.toThrow(`is in use by the demo with pid ${process.pid}`)
  })

  it('believes an owner file only while that very process runs', async () => {
    open()
    const first = await takeFolder(dir, sites)
    await first.release()
    const me = await findProcess(process.pid)
    writeFileSync(join(dir, 'owner'), `${process.pid} ${Number(me?.startedAt) - 1}`)
    expect((await takeFolder(dir, sites)).path).toBe(dir)
  })

  it('ends a site that an earlier run left behind', async () => {
    open()
    const first = await takeFolder(dir, sites)
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => process.exit(), 60000)'], {
      stdio: 'ignore',
    })
    await notePid(first.siteFolder('observatory'), child.pid!)
    await first.release()
    setTimeout(() => child.kill('SIGTERM'), 100)
    await takeFolder(dir, sites)
    await waitFor(async () => !(await isAlive(child.pid!)), { what: 'the end of the child' })
  })
})
