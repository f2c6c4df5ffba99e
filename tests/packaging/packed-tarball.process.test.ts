import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ran, run } from './run.ts'

const root = join(import.meta.dirname, '../..')
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const packageFolder = join(root, 'packages/outpost')

/** What a user writes who has installed `outpost` and `pg` and nothing else. */
const consumer = `
import { compareLsn, OutpostError, parseLsn } from 'outpost'
import { openRedisJournal, type RedisJournalOptions } from 'outpost/journal-redis'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { openSite, type Receipt, type Site, type SiteOptions } from 'outpost/site'

export const order: number = compareLsn(parseLsn('0/9000000'), parseLsn('0/10000000'))
export const shared = (options: RedisJournalOptions) => openRedisJournal(options)
export const install = [migrate, outpostMigrations, OutpostError] as const
export async function record(options: SiteOptions): Promise<Receipt> {
  const site: Site = await openSite(options)
  const write = site.transaction()
  write.insert('unit', { name: 'a' })
  return await site.append(write)
}
// @ts-expect-error The types are there: a table's name is no number.
export const wrong = (site: Site) => site.transaction().insert(1, {})
`

const consumerConfig = {
  compilerOptions: {
    module: 'NodeNext',
    target: 'ES2023',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
  },
  files: ['consumer.ts'],
}

/** The package as npm would publish it, installed by somebody who has neither lmdb nor redis nor fastify. */
describe('the packed tarball, installed alone', () => {
  let folder: string
  let packed: readonly string[]

  const evaluate = (code: string): Promise<Ran> =>
    run(process.execPath, ['--input-type=module', '-e', code], folder)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-packed-'))
    expect(await run(process.execPath, [tsc, '-b', packageFolder], root)).toMatchObject({ code: 0 })
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const [tarball] = JSON.parse((await run('npm', pack, packageFolder)).stdout) as [Tarball]
    packed = tarball.files.map(({ path }) => path)
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
    const installed = await run('npm', [...install, `./${tarball.filename}`, 'pg@^8.16.0'], folder)
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
  }, 240_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('holds what is needed and nothing of the tests', () => {
    expect(packed).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']),
    )
    const strays = /\.tsbuildinfo$|\.test\.|\.spec-suite\.|sync-order/
    expect(packed.filter((path) => strays.test(path))).toEqual([])
  })

  it('brings neither lmdb nor redis nor fastify', async () => {
    const modules = await readdir(join(folder, 'node_modules'))
    expect(modules).toEqual(expect.arrayContaining(['outpost', 'pg', 'libpg-query']))
    expect(modules).not.toContain('lmdb')
    expect(modules).not.toContain('redis')
    expect(modules).not.toContain('fastify')
  })

  it.each(['outpost', 'outpost/migrate', 'outpost/site', 'outpost/journal-redis', 'outpost/fastify'])(
    'imports %s',
    async (entry) => {
      const code = `process.stdout.write(String(Object.keys(await import('${entry}')).length > 0))`
      expect(await evaluate(code)).toEqual({ code: 0, stdout: 'true', stderr: '' })
    },
  )

  it('says what to install when a journal is opened without lmdb', async () => {
    const ran = await evaluate(`
      const { openLmdbJournal, systemClock } = await import('outpost/site')
      const error = await openLmdbJournal({ path: './journal', clock: systemClock }).catch((error) => error)
      process.stdout.write(JSON.stringify({ code: error.code, hint: error.hint }))`)
    expect(ran.stderr).toBe('')
    expect(JSON.parse(ran.stdout)).toEqual({
      code: 'config_invalid',
      hint: expect.stringContaining('npm install lmdb') as string,
    })
  })

  it('says what to install when a journal is opened without redis', async () => {
    const ran = await evaluate(`
      const { openRedisJournal } = await import('outpost/journal-redis')
      const place = { host: '127.0.0.1', port: 6379, site: 'observatory' }
      const error = await openRedisJournal(place).catch((error) => error)
      process.stdout.write(JSON.stringify({ code: error.code, hint: error.hint }))`)
    expect(ran.stderr).toBe('')
    expect(JSON.parse(ran.stdout)).toEqual({
      code: 'config_invalid',
      hint: expect.stringContaining('npm install redis') as string,
    })
  })

  it('has types that resolve under NodeNext', async () => {
    await writeFile(join(folder, 'consumer.ts'), consumer)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(consumerConfig))
    const checked = await run(process.execPath, [tsc, '-p', '.'], folder)
    expect(checked.stdout).toBe('')
    expect(checked.code).toBe(0)
  }, 180_000)

  it('is what publint finds nothing to say about', async () => {
    const { messages } = await publint({ pkgDir: join(folder, 'node_modules/outpost'), pack: false })
    expect(messages).toEqual([])
  })
})

interface Tarball {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}
