import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { killTree, pauseTree, resumeTree } from './kill-tree.ts'
import { livingOwner, writeOwner } from './owner.ts'
import { descendantsOf, findProcess, isAlive, signal } from './process-table.ts'
import { userNamed } from './server-user.ts'
import { waitFor } from './wait-for.ts'

/** A shell with a child and a grandchild. */
const family = async () => {
  const child = spawn('sh', ['-c', "sh -c 'sleep 60 & echo up; wait' & wait"], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  return child
}

describe('the processes of a server', () => {
  it('are paused, resumed and killed with all their descendants', async () => {
    const child = await family()
    const tree = [child.pid!, ...(await descendantsOf(child.pid!))]
    expect(tree.length).toBe(3)
    const states = async () => (await Promise.all(tree.map(findProcess))).map((entry) => entry?.state)
    await pauseTree(child.pid!)
    await waitFor(async () => (await states()).every((state) => state === 'T'), { what: 'all stopped' })
    await resumeTree(child.pid!)
    await waitFor(async () => !(await states()).includes('T'), { what: 'all going on' })
    await killTree(child.pid!)
    expect(await Promise.all(tree.map(isAlive))).toEqual([false, false, false])
    expect(signal(child.pid!, 'SIGCONT')).toBe(false)
  })

  it('have an owner only while that very process runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'owner-'))
    const file = join(folder, 'owner')
    expect(await livingOwner(file)).toBeUndefined()
    await writeOwner(file)
    expect(await livingOwner(file)).toBe(process.pid)
    const child = await family()
    await writeOwner(file, child.pid!)
    await killTree(child.pid!)
    expect(await livingOwner(file)).toBeUndefined()
    await rm(folder, { recursive: true })
  })

  it('run as a user that is looked up by its whole name', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n'
    expect(userNamed(passwd, 'postgres')).toEqual({ uid: 101, gid: 104 })
    expect(userNamed(passwd, 'nobody')).toBeUndefined()
  })
})

describe('waitFor', () => {
  it('returns what it found, through errors on the way', async () => {
    let looks = 0
    const look = () => {
      looks += 1
      if (looks < 3) throw new Error('not yet')
      return 'found'
    }
    expect(await waitFor(look, { what: 'it', everyMs: 1 })).toBe('found')
  })

  it('says what did not happen, and the last error', async () => {
    const failing = () => Promise.reject(new Error('connection refused'))
    await expect(waitFor(failing, { what: 'the end', deadlineMs: 5, everyMs: 1 })).rejects.toThrow(
      'the end did not happen within 5 ms; last error: Error: connection refused',
    )
  })
})
