import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freshDatabase, type PostgresServer, waitFor } from '@outpost/lab'
import pg from 'pg'
import { systemClock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { openLmdbJournal } from '../journal/lmdb/open.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { tableRules } from '../ledger/table-rules.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import type { Operation } from '../transaction/operation.ts'
import type { Seq, TransactionDraft } from '../transaction/transaction.ts'
import { Applier } from './applier.ts'
import type { ApplierAlarm, ApplierOptions, LineageNews } from './applier-options.ts'
import { pgMainSessions } from './pg-main-session.ts'

/** Tables of the tests: a parent, a child that refers to it, and one with every awkward column. */
const testSchema = `
CREATE TYPE mood AS ENUM ('calm', 'rough');
CREATE TABLE unit (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, status text NOT NULL DEFAULT 'running', seeing numeric);
CREATE TABLE file (
  id uuid PRIMARY KEY, unit_id uuid NOT NULL REFERENCES unit (id), name varchar(20) NOT NULL, size bigint CHECK (size >= 0)
);
CREATE TABLE odd (
  site text, number integer, tags text[], grid integer[], facts jsonb, sky mood, span int4range, at timestamptz,
  doubled integer GENERATED ALWAYS AS (number * 2) STORED, PRIMARY KEY (site, number)
);
CREATE TABLE deferred (id integer PRIMARY KEY, next integer REFERENCES deferred (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE watched (id integer PRIMARY KEY, count integer NOT NULL);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.count := NEW.count + 1; RETURN NEW; END $$;
CREATE TRIGGER watch BEFORE INSERT OR UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION watch();
`

export interface TestMain {
  readonly config: pg.ClientConfig
  readonly client: pg.Client
  readonly database: string
  readonly catalog: Catalog
  query(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  /** True once a CALL has begun to commit. */
  isBusy(): Promise<boolean>
  /** After the server was restarted. */
  reconnect(): Promise<void>
  close(): Promise<void>
}

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config)
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A database with the Outpost schema and the test tables. */
export async function openTestMain(server: PostgresServer): Promise<TestMain> {
  const database = await freshDatabase(server)
  const config = { connectionString: database.url }
  let client = await connect(config)
  await migrate(client, [outpostMigrations])
  await client.query(testSchema)
  const catalog = await introspect(client)
  const query: TestMain['query'] = async (sql, values = []) => (await client.query(sql, [...values])).rows
  const countRows = async () => Number((await query('SELECT count(*) FROM outpost.ledger'))[0]!.count)
  let rows = 0
  return {
    config,
    get client() {
      return client
    },
    database: database.name,
    catalog,
    query,
    isBusy: async () => {
      const before = rows
      rows = await countRows()
      return rows > before
    },
    reconnect: async () => {
      client = await connect(config)
      rows = await countRows()
    },
    close: async () => {
      await client.end()
      await database.drop()
    },
  }
}

export interface TestSite {
  readonly journal: Journal
  readonly applier: Applier
  readonly alarms: ApplierAlarm[]
  readonly lineages: LineageNews[]
  readonly redriven: Seq[]
  append(operations: readonly Operation[], dependsOn?: readonly Seq[], stamp?: string): Promise<Seq>
  until(state: string, ...seqs: readonly Seq[]): Promise<void>
  stop(): Promise<void>
}

export interface TestSiteOptions extends Partial<ApplierOptions> {
  readonly config: pg.ClientConfig
  readonly catalog?: Catalog
  /** Folder of the journal; a temporary one, removed at stop, when left out. */
  readonly folder?: string
  readonly isStarted?: boolean
}

/** A site's journal and applier on a real main. */
export async function openTestSite(options: TestSiteOptions): Promise<TestSite> {
  const { config, catalog, folder, isStarted = true, ...rest } = options
  const path = folder ?? (await mkdtemp(join(tmpdir(), 'outpost-applier-')))
  const journal = await openLmdbJournal({ path, clock: systemClock })
  const alarms: ApplierAlarm[] = []
  const lineages: LineageNews[] = []
  const redriven: Seq[] = []
  const rules = tableRules(catalog)
  const applier = new Applier({
    site: 'observatory',
    journal,
    clock: systemClock,
    openSession: pgMainSessions({ config, clock: systemClock, connectTimeoutMs: 2_000 }),
    random: Math.random,
    rules: () => rules,
    retryDelayMs: 100,
    idleIntervalMs: 50,
    backoff: { firstMs: 20, capMs: 200 },
    onAlarm: (alarm) => alarms.push(alarm),
    onLineage: (news) => void lineages.push(news),
    onRedrive: (records) => void redriven.push(...records.map(({ seq }) => seq)),
    ...rest,
  })
  journal.onDurable(() => applier.wake())
  if (isStarted) applier.start()
  return {
    journal,
    applier,
    alarms,
    lineages,
    redriven,
    append: async (operations, dependsOn = [], stamp) =>
      (await journal.append({ ...draftOf(operations, dependsOn), ...(stamp !== undefined && { stamp }) }))
        .seq,
    until: async (state, ...seqs) => {
      try {
        await waitFor(() => seqs.every((seq) => journal.status(seq).state === state), {
          what: `state ${state}`,
          deadlineMs: 15_000,
        })
      } catch (error) {
        const statuses = seqs
          .map((seq) => [seq, journal.status(seq)])
          .filter(([, status]) => (status as { state: string }).state !== state)
        throw new Error(`${JSON.stringify(statuses.slice(0, 5))} applier ${JSON.stringify(applier.state)}`, {
          cause: error,
        })
      }
    },
    stop: async () => {
      await applier.stop()
      await journal.stop()
      if (folder === undefined) await rm(path, { recursive: true, force: true })
    },
  }
}

export function draftOf(operations: readonly Operation[], dependsOn: readonly Seq[] = []): TransactionDraft {
  return {
    id: randomUUID(),
    operations,
    digest: createHash('sha256').update(JSON.stringify(operations)).digest('hex'),
    writes: operations.map(
      (operation) =>
        `pk|${operation.table}|${JSON.stringify(operation.kind === 'insert' ? operation.row.id : operation.key)}`,
    ),
    references: [],
    dependsOn,
    catalogVersion: 'test',
    flags: [],
  }
}

export const unit = (id: string, name = `unit ${id}`): Operation => ({
  kind: 'insert',
  table: 'public.unit',
  row: { id, name, status: 'running' },
})
export const file = (unitId: string, name = 'a.fits', id: string = randomUUID(), size = '1'): Operation => ({
  kind: 'insert',
  table: 'public.file',
  row: { id, unit_id: unitId, name, size },
})
export const finish = (id: string): Operation => ({
  kind: 'update',
  table: 'public.unit',
  key: { id },
  set: { status: 'completed' },
})
