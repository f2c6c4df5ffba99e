import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Link, type PostgresBinaries, startCluster, startLink } from '@outpost/lab'
import { migrate, outpostMigrations } from 'outpost/migrate'
import type { SiteDatabase, SiteOptions } from 'outpost/site'

const tables = `
CREATE TABLE observation (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), target text NOT NULL,
  status text NOT NULL DEFAULT 'running', started_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE data_file (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), observation_id uuid NOT NULL REFERENCES observation (id),
  name text NOT NULL, size_bytes bigint NOT NULL CHECK (size_bytes >= 0));
INSERT INTO observation (target, status, started_at) VALUES ('Orion KL', 'completed', '2026-01-01T00:00:00Z');`

/** Where the examples run: a main and a replica, with a link between them that can be cut. */
export interface Place {
  readonly main: SiteDatabase
  readonly replica: SiteDatabase
  readonly link: Link
  /** Options of a secondary site with this name and a journal of its own. */
  siteOptions(name: string): SiteOptions
  stop(): Promise<void>
}

/** Starts real servers, installs Outpost's schema and the two tables that the examples record to. */
export async function startPlace(binaries?: PostgresBinaries): Promise<Place> {
  const link = await startLink()
  const cluster = await startCluster({ through: link, ...(binaries && { binaries }) })
  const folder = await mkdtemp(join(tmpdir(), 'outpost-examples-'))
  const client = await cluster.primary.connect()
  await migrate(client, [outpostMigrations])
  await client.query(tables)
  await client.end()
  const main = database(cluster.upstream)
  const replica = database(cluster.standby)
  return {
    main,
    replica,
    link,
    siteOptions: (name) => ({
      name,
      type: 'secondary',
      main,
      local: replica,
      journalPath: join(folder, name),
      secretKey: 'the same secret at every site',
      retryDelayMs: 100,
    }),
    stop: async () => {
      await cluster.stop()
      await link.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function database(address: { readonly host: string; readonly port: number }): SiteDatabase {
  return { host: address.host, port: address.port, user: 'postgres', database: 'postgres' }
}
