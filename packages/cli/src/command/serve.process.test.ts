import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ServeProcess, startServe } from './serve-process.spec-suite.ts'

/** A main that takes connections and never says a word: what a half-open link looks like. */
let silent: Server
let folder: string
const started: ServeProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outpost-serve-'))
  writeFileSync(join(folder, 'a-file'), '')
  silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
})
afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.map(({ ended }) => ended))
  silent.close()
  rmSync(folder, { recursive: true })
})

function serveOn(journalPath: string): ServeProcess {
  const { port } = silent.address() as { readonly port: number }
  const env = { MAIN_DB_HOST: '127.0.0.1', MAIN_DB_PORT: String(port), JOURNAL_PATH: journalPath, PORT: '0' }
  const serving = startServe(folder, env)
  started.push(serving)
  return serving
}

describe('outpost serve, while it starts', () => {
  it.each(['/proc/outpost', '/proc/self/outpost/journal', '/dev/null/journal', 'a-file'])(
    'P9: says what is wrong with JOURNAL_PATH=%s, and ends',
    async (path) => {
      const { code, stderr } = await serveOn(path).ended
      expect(code).toBe(2)
      expect(stderr).toMatch(/^error: The journal cannot use the folder .*\nhint: Set JOURNAL_PATH/)
    },
  )

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'ends at %s while main does not answer',
    async (signal) => {
      const connected = once(silent, 'connection')
      const serving = serveOn(join(folder, signal))
      await connected
      const sentAtMs = performance.now()
      serving.child.kill(signal)
      expect(await serving.ended).toMatchObject({ code: null, signal })
      // Far below the time-out of a connection, which is 5 s.
      expect(performance.now() - sentAtMs).toBeLessThan(2_500)
    },
  )
})
