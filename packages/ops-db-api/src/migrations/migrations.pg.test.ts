import { describeEachPostgres, type FreshDatabase, freshDatabase, useServer } from '@outpost/lab/testing'
import { migrate, outpostMigrations } from 'outpost/migrate'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToken } from '../auth/create-token.ts'
import { knownTokenOf, knownTokensSql } from '../auth/known-token.ts'
import { matchesHash } from '../auth/token-secret.ts'
import { seedReferenceData } from '../reference/seed-reference-data.ts'
import { recordedResources } from '../resources/recorded-resources.ts'
import { referenceResources } from '../resources/reference-resources.ts'
import { opsDbMigrations } from './migrations.ts'

describeEachPostgres('the tables of the operations database', (version) => {
  const server = useServer(version)
  let database: FreshDatabase
  let client: pg.Client

  beforeAll(async () => {
    database = await freshDatabase(server())
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
  })
  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  const column = async (sql: string, values: unknown[] = []) =>
    (await client.query<Record<string, unknown>>(sql, values)).rows.map((row) => Object.values(row)[0])

  it('installs every table of the contract once', async () => {
    const again = await migrate(client, [outpostMigrations, opsDbMigrations])
    expect(again.installed).toEqual([])
    const tables = await column(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    )
    expect(tables.sort()).toEqual(
      [
        'api_token',
        'data_location',
        'data_transfer',
        'executed_obs_unit',
        'instrument',
        'instrument_configuration',
        'instrument_module',
        'obs_unit',
        'observatory',
        'observing_program',
        'raw_data_file',
        'raw_data_package',
        'role',
        'source',
        'telescope',
        'user',
      ].sort(),
    )
  })

  it('has an index that leads with every foreign key', async () => {
    const bare = await column(`
      SELECT conrelid::regclass || '.' || conname FROM pg_constraint c
      WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`)
    expect(bare).toEqual([])
  })

  it('shows only columns that exist, with the types that it says', async () => {
    const types: Readonly<Record<string, string>> = {
      uuid: 'uuid',
      integer: 'integer',
      bigint: 'bigint',
      number: 'double precision',
      text: 'character varying',
      timestamp: 'timestamp with time zone',
      boolean: 'boolean',
      json: 'jsonb',
    }
    for (const resource of [...recordedResources, ...referenceResources]) {
      const { rows } = await client.query<{ attname: string; type: string; attnotnull: boolean }>(
        `SELECT attname, format_type(atttypid, NULL) AS type, attnotnull FROM pg_attribute
         WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
        [resource.table],
      )
      const shown = Object.entries(resource.columns).map(([name, kind]) => [name, types[kind]])
      expect(rows.map((row) => [row.attname, row.type])).toEqual(shown)
      const nullable = rows.filter((row) => !row.attnotnull).map((row) => row.attname)
      expect(nullable).toEqual(resource.nullable)
    }
  })

  it('loads the reference data, any number of times', async () => {
    const counts = () =>
      column(
        `SELECT (SELECT count(*) FROM source) || ' ' || (SELECT count(*) FROM obs_unit) || ' ' || (SELECT count(*) FROM instrument_module)`,
      )
    const before = await counts()
    await seedReferenceData(client)
    expect(await counts()).toEqual(before)
    expect(before).toEqual(['24 26 9'])
    expect(await column(`SELECT name FROM observing_program ORDER BY name`)).toEqual(['Cal', 'ENG', 'GEco'])
  })

  it('makes tokens of which only the hash is kept', async () => {
    const { token, id } = await createToken(client, {
      name: 'telescope',
      scopes: ['read', 'write'],
      username: 'telescope',
    })
    const { rows } = await client.query(knownTokensSql)
    const known = rows.map(knownTokenOf).find((one) => one.id === id)
    expect(known).toMatchObject({ name: 'telescope', scopes: ['read', 'write'] })
    expect(matchesHash(token, known?.sha256 ?? '')).toBe(true)
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  describe('constraints', () => {
    const id = '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4'
    const unit = (set: string) =>
      `INSERT INTO executed_obs_unit (obs_unit_id, status, start_time, end_time) VALUES ${set}`
    it.each([
      [unit(`(1, 'lost', now(), now())`), 'executed_obs_unit_status_check'],
      [unit(`(1, 'completed', now(), NULL)`), 'executed_obs_unit_ended_has_end_time'],
      [unit(`(1, 'running', now(), now())`), 'executed_obs_unit_ended_has_end_time'],
      [unit(`(1, 'completed', now(), now() - interval '1 s')`), 'executed_obs_unit_ends_after_start'],
      [unit(`(999999, 'running', now(), NULL)`), 'executed_obs_unit_obs_unit_id_fkey'],
      [
        `INSERT INTO raw_data_package (executed_obs_unit_id, name, size_bytes) VALUES ('${id}', 'p', 50000000001)`,
        'raw_data_package_at_most_50_gb',
      ],
      [
        `INSERT INTO raw_data_file (executed_obs_unit_id, name, size_bytes) VALUES ('${id}', 'f', -1)`,
        'raw_data_file_size_bytes_check',
      ],
      [
        `INSERT INTO data_transfer (raw_data_package_id, origin_id, destination_id) VALUES ('${id}', 1, 1)`,
        'data_transfer_between_two_places',
      ],
      [`INSERT INTO source (name, type) VALUES ('nowhere', 'fixed')`, 'source_fixed_has_coordinates'],
      [
        `INSERT INTO api_token (name, prefix, token_sha256, scopes) VALUES ('x', 'zz', 'zz', '{read}')`,
        'api_token_prefix_check',
      ],
    ])('P9: main itself refuses %s', async (sql, constraint) => {
      await expect(client.query(sql)).rejects.toMatchObject({ constraint })
    })
  })
})
