import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { expect, it, vi } from 'vitest'
import { runRecorded } from './recorded-run.spec-suite.ts'

describeEachPostgres('commands on main', (pg) => {
  const server = useServer(pg)

  const outpost = (argv: readonly string[], env: Record<string, string> = {}) =>
    runRecorded(argv, {
      MAIN_DB_HOST: '127.0.0.1',
      MAIN_DB_PORT: String(server().port),
      MAIN_DB_USER: 'postgres',
      MAIN_DB_NAME: 'postgres',
      ...env,
    })

  it.each([
    ['token create', ['token', 'create', '--name', 'early', '--scopes', 'read']],
    ['site grant', ['site', 'grant', 'far', '--role', 'postgres_like']],
  ])('%s: says that main is not migrated yet', async (_name, argv) => {
    await server().query('DROP ROLE IF EXISTS postgres_like')
    await server().query('CREATE ROLE postgres_like LOGIN')
    expect(await outpost([...argv, '--json'])).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('"code":"not_migrated"'),
      stderr: expect.stringMatching(/^error: Main at .* lacks the schema: .*\nhint: Run `outpost migrate`/m),
    })
  })

  it('migrate: says what it would install, installs it, and has nothing to do the second time', async () => {
    const plan = await outpost(['migrate', '--dry-run', '--json'])
    expect(plan.code).toBe(0)
    const planned = (JSON.parse(plan.stdout) as { installed: readonly { namespace: string }[] }).installed
    expect(new Set(planned.map((step) => step.namespace))).toEqual(new Set(['outpost', 'ops-db']))
    expect(await server().query("SELECT to_regclass('outpost.ledger') AS ledger")).toEqual([{ ledger: null }])

    expect((await outpost(['migrate'])).stdout).toMatch(/^installed outpost 001 ledger\n/)
    expect(await outpost(['migrate'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Nothing to install/),
    })
    expect((await outpost(['migrate', '--dry-run'])).stdout).toBe(
      `Nothing to install: all ${planned.length} migrations are there.\n`,
    )
    expect((await outpost(['migrate', '--reference-data'])).stdout).toMatch(
      /\nThe reference data is loaded\.\n$/,
    )
  })

  it('conflicts: declares policies with the migrations, by hand, and takes them back', async () => {
    const policies = 'public.executed_obs_unit = last_writer, public.data_transfer=column_merge'
    expect(await outpost(['migrate'], { CONFLICT_POLICIES: policies })).toMatchObject({ code: 0 })
    const listed = async () => (await outpost(['conflicts', 'policies'])).stdout
    expect(await listed()).toBe(
      'TABLE                     POLICY        FUNCTION\n' +
        'public.data_transfer      column_merge\npublic.executed_obs_unit  last_writer\n',
    )
    expect(await outpost(['migrate'], { CONFLICT_POLICIES: 'public.nothing=last_writer' })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('there is no table public.nothing'),
    })
    expect(await outpost(['migrate'], { CONFLICT_POLICIES: 'public.source' })).toMatchObject({ code: 2 })
    const set = ['conflicts', 'set', 'public.data_transfer']
    expect((await outpost([...set, 'last_writer', '--ahead', '1000'])).stdout).toBe(
      'public.data_transfer: last_writer.\n',
    )
    for (const wrong of [
      ['nothing'],
      ['function'],
      ['compare_and_set', '--function', 'public.f'],
      ['append_only', '--ahead', '5'],
      ['function', '--function', 'public.nowhere'],
    ])
      expect(await outpost([...set, ...wrong])).toMatchObject({ code: 2, stdout: '' })
    for (const table of ['data_transfer', 'executed_obs_unit'])
      expect(await outpost(['conflicts', 'unset', `public.${table}`])).toMatchObject({ code: 0 })
    expect(await listed()).toBe('No policies: every table merges by column.\n')
  })

  it('token create: prints the token once and keeps only its hash', async () => {
    const created = await outpost(['token', 'create', '--name', 'telescope', '--scopes', 'read,write'])
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^opsdb_\S+\n$/) })
    const rows = await server().query("SELECT api_token::text AS row FROM api_token WHERE name = 'telescope'")
    expect(rows).toHaveLength(1)
    expect(rows[0]?.row).not.toContain(created.stdout.trim().slice(-43))
  })

  it('token create: takes an end, and refuses a scope that there is not', async () => {
    const created = await outpost([
      'token',
      'create',
      '--name',
      'guest',
      '--scopes',
      'read',
      '--expires',
      '30d',
      '--json',
    ])
    const { expires_at: expiresAt } = JSON.parse(created.stdout) as { expires_at: string }
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(29 * 86_400_000)
    expect(await outpost(['token', 'create', '--name', 'x', '--scopes', 'read,root'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"root" is none of read, write, admin'),
    })
    expect(
      await outpost(['token', 'create', '--name', 'x', '--scopes', 'read', '--expires', '2001-01-01']),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It must lie in the future'),
    })
  })

  it('site grant: gives a role the tables of the service and no way to make tokens', async () => {
    await server().query('CREATE ROLE far_site LOGIN')
    expect(await outpost(['site', 'grant', 'far', '--role', 'far_site'])).toMatchObject({ code: 0 })
    const may = async (table: string, right: string) => {
      const [row] = await server().query<{ may: boolean }>('SELECT has_table_privilege($1, $2, $3) AS may', [
        'far_site',
        table,
        right,
      ])
      return row?.may
    }
    expect(await may('executed_obs_unit', 'INSERT')).toBe(true)
    expect(await may('api_token', 'SELECT')).toBe(true)
    expect(await may('api_token', 'INSERT')).toBe(false)
  })

  it('P10: site grant and revoke print what they would do, do it, and do it again', async () => {
    await server().query('CREATE ROLE near_site LOGIN')
    const grant = [
      'site',
      'grant',
      'near',
      '--role',
      'near_site',
      '--table',
      'public.raw_data_file(id, name)',
      '--read',
      'public.source',
    ]
    const planned = await outpost([...grant, '--dry-run'])
    expect(planned).toMatchObject({ code: 0, stdout: expect.stringMatching(/^BEGIN;\n[\s\S]*COMMIT;\n$/) })
    expect(planned.stdout).toContain(
      'GRANT SELECT, INSERT ("id", "name"), UPDATE ("id", "name") ON public.raw_data_file TO "near_site";',
    )
    expect(await server().query("SELECT FROM outpost.site WHERE name = 'near'")).toEqual([])
    for (let round = 0; round < 2; round++) {
      expect(await outpost(grant)).toMatchObject({
        code: 0,
        stdout: 'near_site may write 1 tables for near.\n',
      })
    }
    const may = (right: string) =>
      server().query(`SELECT has_column_privilege('near_site', 'raw_data_file', 'name', '${right}') AS may`)
    expect(await may('UPDATE')).toEqual([{ may: true }])
    expect((await outpost(['site', 'revoke', 'near', '--dry-run'])).stdout).toContain(
      'REVOKE ALL ON SCHEMA "outpost" FROM "near_site";',
    )
    expect(await outpost(['site', 'revoke', 'near', '--json'])).toMatchObject({ code: 0 })
    expect(await may('SELECT')).toEqual([{ may: false }])
    expect(await outpost(['site', 'revoke', 'nowhere'])).toMatchObject({ code: 2 })
    expect(await outpost([...grant, '--table', 'public.nowhere'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Main has no table public.nowhere'),
    })
    expect(await outpost(['site', 'grant', 'near', '--role', 'near_site', '--table', '()'])).toMatchObject({
      code: 2,
    })
  })

  it('P10: site reserve-keys checks, plans, and says why it cannot', async () => {
    const reserve = (table: string, ...more: readonly string[]) =>
      outpost(['site', 'reserve-keys', 'near', table, ...more])
    const plans = () => server().query('SELECT table_name, block_size FROM outpost.key_plan')
    expect(await reserve('obs_unit', '--dry-run')).toMatchObject({
      code: 0,
      stdout: 'near could reserve 10000 numbers of public.obs_unit.id at a time.\n',
    })
    expect(await plans()).toEqual([])
    expect(await reserve('public.obs_unit', '--block', '500', '--json')).toMatchObject({ code: 0 })
    expect(await plans()).toEqual([{ table_name: 'public.obs_unit', block_size: 500 }])
    expect(await reserve('public.raw_data_file')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'no column of the primary key of public.raw_data_file takes its number',
      ),
    })
    expect(await reserve('public.obs_unit', '--block', '0')).toMatchObject({ code: 2 })
  })

  it.each([
    ['a superuser', 'CREATE ROLE unsafe LOGIN SUPERUSER', /is a superuser or a member of one\./],
    [
      'a member of a superuser',
      'CREATE ROLE unsafe LOGIN; GRANT postgres TO unsafe',
      /is a superuser or a member/,
    ],
    ['BYPASSRLS', 'CREATE ROLE unsafe LOGIN BYPASSRLS', /bypasses row-level security \(BYPASSRLS\)\./],
    ['CREATEROLE', 'CREATE ROLE unsafe LOGIN CREATEROLE', /may make roles \(CREATEROLE\)\./],
    [
      'an owner',
      'CREATE ROLE unsafe LOGIN; CREATE TABLE owned (); ALTER TABLE owned OWNER TO unsafe',
      /owns table owned\./,
    ],
  ])('P10: site grant refuses %s as the role of a site, and changes nothing', async (_name, sql, reason) => {
    await server().query(sql)
    try {
      const { code, stderr } = await outpost(['site', 'grant', 'unsafe-site', '--role', 'unsafe'])
      expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(reason) })
      expect(stderr).toContain('hint: Make a role for the site alone')
      expect(await server().query("SELECT FROM outpost.site WHERE name = 'unsafe-site'")).toEqual([])
    } finally {
      await server().query('DROP TABLE IF EXISTS owned; DROP ROLE unsafe')
    }
  })

  it('token create: says when the role may not do it', async () => {
    expect(
      await outpost(['token', 'create', '--name', 'x', '--scopes', 'read'], { MAIN_DB_USER: 'far_site' }),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: The role "far_site" may not do this on main/m),
    })
  })

  it('site grant: names a role that there is not', async () => {
    expect(await outpost(['site', 'grant', 'far', '--role', 'nobody_here'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Main has no role "nobody_here"'),
    })
  })

  it('tells a main that is away from one that refuses', async () => {
    expect(await outpost(['migrate'], { MAIN_DB_PORT: '1' })).toMatchObject({ code: 3 })
    const refused = await outpost(['migrate', '--json'], { MAIN_DB_NAME: 'no_such_database' })
    expect(refused.code).toBe(2)
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'config_invalid', exit_code: 2 })
  })

  it('tells a main that asks for a password from one that is away', async () => {
    const path = join(server().dataDirectory, 'pg_hba.conf')
    const rules = readFileSync(path, 'utf8')
    await server().query("CREATE ROLE guarded LOGIN PASSWORD 'secret'")
    writeFileSync(path, `host all guarded 127.0.0.1/32 scram-sha-256\n${rules}`)
    await server().query('SELECT pg_reload_conf()')
    try {
      await vi.waitFor(async () => {
        expect(await outpost(['migrate', '--dry-run'], { MAIN_DB_USER: 'guarded' })).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(
            /^error: Main refuses the connection .*: it asks for a password, and MAIN_DB_PASSWORD has none\.\nhint: .*MAIN_DB_PASSWORD/m,
          ),
        })
      })
      const wrong = await outpost(['migrate'], { MAIN_DB_USER: 'guarded', MAIN_DB_PASSWORD: 'wrong' })
      expect(wrong).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('password authentication failed'),
      })
    } finally {
      writeFileSync(path, rules)
      await server().query('SELECT pg_reload_conf()')
    }
  })

  it('reports a setting that is missing', async () => {
    expect(await outpost(['migrate'], { MAIN_DB_HOST: '' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('MAIN_DB_HOST'),
    })
  })
})
