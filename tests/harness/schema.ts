import type { PostgresServer } from '@outpost/lab'
import { grantSite, migrate, outpostMigrations } from 'outpost/migrate'
import { escapeIdentifier } from 'pg'

/**
 * A small schema on which every effect can be counted.
 *
 * `unit`, `file` and `audit` have neither triggers nor functions, so their transactions are merged into groups.
 * An update of `counter` fires a trigger that appends to `effect`, which has no key at all: a step that ran twice, or
 * before another, stays visible there for good; and the trigger sends these transactions one by one.
 */
const tablesSql = `
CREATE TABLE unit (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  step integer NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'open' CHECK (status <> 'forbidden')
);
CREATE TABLE file (
  id uuid PRIMARY KEY,
  unit_id uuid NOT NULL REFERENCES unit,
  name text NOT NULL,
  size_bytes bigint NOT NULL DEFAULT 0,
  kilobytes bigint GENERATED ALWAYS AS (size_bytes / 1024) STORED
);
CREATE INDEX ON file (unit_id);
CREATE TABLE audit (
  stream text NOT NULL,
  n integer NOT NULL,
  note text NOT NULL,
  PRIMARY KEY (stream, n)
);
CREATE TABLE counter (
  id uuid PRIMARY KEY,
  step integer NOT NULL DEFAULT 0
);
CREATE TABLE effect (
  ordinal bigserial,
  counter_id uuid NOT NULL,
  step integer NOT NULL
);
CREATE FUNCTION note_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO effect (counter_id, step) VALUES (new.id, new.step);
  RETURN NULL;
END $$;
CREATE TRIGGER note_effect AFTER UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION note_effect();
`

const recordedTables = ['public.unit', 'public.file', 'public.audit', 'public.counter'] as const

/** Role of the sites under test: no superuser, so that every grant that a site needs is proven as well. */
export const siteRole = 'observatory'

/** Installs Outpost and the tables in a database of `main`, and grants them to the sites. */
export async function installSchema(
  main: PostgresServer,
  database: string,
  sites: readonly string[],
): Promise<void> {
  const client = await main.connect(database)
  try {
    await client.query(
      `DO $$ BEGIN CREATE ROLE ${siteRole} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
    )
    await migrate(client, [outpostMigrations])
    await client.query(tablesSql)
    for (const site of sites) await grantSite(client, { role: siteRole, site, tables: recordedTables })
    await client.query(`GRANT SELECT ON effect TO ${siteRole}`)
  } finally {
    await client.end()
  }
}

/** One more site on a database that has it all; its role has its name, because no two sites may share one. */
export async function grantSiteOn(main: PostgresServer, database: string, site: string): Promise<void> {
  const client = await main.connect(database)
  try {
    await client.query(`CREATE ROLE ${escapeIdentifier(site)} LOGIN`)
    await grantSite(client, { role: site, site, tables: recordedTables })
  } finally {
    await client.end()
  }
}
