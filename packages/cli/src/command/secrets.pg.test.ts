import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { createToken, opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { grantSiteRole } from '../site/grant-site-role.ts'
import { runRecorded } from './recorded-run.spec-suite.ts'
import { type ServeProcess, startServe } from './serve-process.spec-suite.ts'

const password = 'Passwort-4711-of-far'
const secretKey = 'Geheimnis-0815-of-all-sites'

describeEachPostgres('the secrets of a site', (pg) => {
  const server = useServer(pg)
  let folder: string
  let serving: ServeProcess
  let token: string
  /** Everything that anybody outside could read. */
  const seen: string[] = []

  const hba = (lines: string) =>
    writeFile(join(server().dataDirectory, 'pg_hba.conf'), `${lines}\nhost all all all trust\n`)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-secrets-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    await client.query(`CREATE ROLE far LOGIN PASSWORD '${password}'`)
    await grantSiteRole(client, { site: 'far', role: 'far' })
    token = (await createToken(client, { name: 'telescope', scopes: ['read', 'write', 'admin'] })).token
    await client.end()
    await hba('host all far all scram-sha-256')
    await server().reload()
  })
  afterAll(async () => {
    serving?.child.kill('SIGKILL')
    await serving?.ended
    rmSync(folder, { recursive: true })
  })

  it('P9: are in nothing that it writes, answers or shows, whatever fails', async () => {
    const env = {
      SITE_NAME: 'far',
      MAIN_DB_HOST: '127.0.0.1',
      MAIN_DB_PORT: String(server().port),
      MAIN_DB_USER: 'far',
      MAIN_DB_NAME: 'postgres',
      MAIN_DB_PASSWORD: password,
      SECRET_KEY: secretKey,
      JOURNAL_PATH: join(folder, 'journal'),
      PORT: '0',
    }
    serving = startServe(folder, env, 'trace')
    serving.child.stdout?.on('data', (bytes: Buffer) => seen.push(bytes.toString()))
    const early = serving.ended.then(({ stderr }) => Promise.reject(new Error(`It ended: ${stderr}`)))
    early.catch(() => undefined)
    const url = /http:\/\/[\d.:]+/.exec(await Promise.race([serving.ready, early]))?.[0] ?? ''
    const call = async (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await fetch(`${url}${path}`, { ...init, headers }).then((each) => each.text())
      seen.push(answer)
      return answer
    }
    const record = () => call('/executed_obs_units/start', { method: 'POST', body: '{"obs_unit_id": 1}' })
    const touchEverything = async () => {
      await record()
      for (const path of ['/health', '/executed_obs_units', '/sources', '/transactions', '/nowhere'])
        await call(path)
      await call('/sources', { method: 'POST', body: '{"name": "x"}' })
      const asked = { ...env, OUTPOST_URL: url, OUTPOST_TOKEN: token }
      for (const argv of [
        ['status', '--json'],
        ['migrate', '--json'],
        ['tx', 'list', '--json'],
      ]) {
        const { stdout, stderr } = await runRecorded(argv, asked)
        seen.push(stdout, stderr)
      }
      seen.push(execFileSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' }))
    }
    const told = (word: string) =>
      waitFor(async () => (await call('/health')).includes(word), { what: word, deadlineMs: 30_000 })
    const endSessions = () =>
      server().query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'far'`)

    expect(await record()).toContain('transaction_id')
    await touchEverything()
    await server().query(`ALTER ROLE far PASSWORD 'another'`)
    await endSessions()
    await told('password authentication failed')
    await touchEverything()
    await server().stop()
    await told('main_unreachable')
    await touchEverything()
    await hba('hostssl all far all scram-sha-256\nhost all far all reject')
    await server().start()
    await touchEverything()

    serving.child.kill('SIGTERM')
    seen.push((await serving.ended).stderr)
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, name)
      if (statSync(path).isFile()) seen.push(readFileSync(path, 'latin1'))
    }
    const all = seen.join('\n')
    expect(all).toContain('executed_obs_unit')
    for (const secret of [password, secretKey, token, token.slice(-20)])
      expect(all.includes(secret)).toBe(false)
  }, 240_000)
})
