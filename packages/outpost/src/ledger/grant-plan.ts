import pg from 'pg'
import { sessionSettings } from '../postgres/session-settings.ts'

/** A table that is there, with what a role is to do with it. */
export interface PlannedTable {
  /** As SQL writes it. */
  readonly name: string
  readonly schema: string
  /** Only these may be inserted and updated, and nothing deleted; left out: every column, and whole rows go. */
  readonly columns?: readonly string[]
  /** Sequences that its defaults draw from, as SQL writes them; an identity column needs no right on its own. */
  readonly sequences: readonly string[]
}

export interface GrantPlan {
  readonly role: string
  readonly site: string
  readonly tables: readonly PlannedTable[]
  /** Tables that the role may read only. */
  readonly reads: readonly PlannedTable[]
}

const ident = pg.escapeIdentifier
const literal = pg.escapeLiteral

/**
 * Settings of the role: they notice a client that is gone (N8), spare large merged reads the JIT compiler, and have the
 * forms in which a site reads values, so that they hold behind a pooler too.
 */
const roleSettings: Readonly<Record<string, string>> = {
  lock_timeout: "'10s'",
  tcp_user_timeout: "'30s'",
  client_connection_check_interval: "'5s'",
  jit: 'off',
  ...Object.fromEntries([...sessionSettings].map(([name, value]) => [name, `'${value}'`])),
}

/**
 * Pure: the statements that give a site's role what it needs and take from it what it had in Outpost's schema beyond
 * that. Each is whole by itself; together they belong into one database transaction.
 */
export function grantStatements({ role, site, tables, reads }: GrantPlan): readonly string[] {
  const to = ident(role)
  return [
    `INSERT INTO outpost.site (name, role_name) VALUES (${literal(site)}, ${literal(role)}) ON CONFLICT (name) DO UPDATE SET role_name = excluded.role_name`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA outpost FROM ${to}`,
    `GRANT USAGE ON SCHEMA outpost TO ${to}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA outpost TO ${to}`,
    `GRANT UPDATE (epoch, term, hello_at, last_call_at, whole_call, redriven_lineage) ON outpost.site TO ${to}`,
    `GRANT INSERT, UPDATE ON outpost.epoch, outpost.heartbeat TO ${to}`,
    `GRANT INSERT ON outpost.decided TO ${to}`,
    `GRANT INSERT, DELETE ON outpost.ledger, outpost.idempotency TO ${to}`,
    `GRANT EXECUTE ON ALL ROUTINES IN SCHEMA outpost TO ${to}`,
    ...Object.entries(roleSettings).map(([name, value]) => `ALTER ROLE ${to} SET ${name} = ${value}`),
    ...schemasOf([...tables, ...reads]).map((schema) => `GRANT USAGE ON SCHEMA ${ident(schema)} TO ${to}`),
    ...tables.flatMap((table) => tableStatements(table, to)),
    ...reads.map(({ name }) => `GRANT SELECT ON ${name} TO ${to}`),
  ]
}

function tableStatements({ name, columns, sequences }: PlannedTable, to: string): readonly string[] {
  const onSequences = sequences.map((sequence) => `GRANT USAGE ON SEQUENCE ${sequence} TO ${to}`)
  if (columns === undefined)
    return [`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${to}`, ...onSequences]
  const list = columns.map(ident).join(', ')
  return [
    // A right on the table would cover every column.
    `REVOKE INSERT, UPDATE, DELETE ON ${name} FROM ${to}`,
    `GRANT SELECT, INSERT (${list}), UPDATE (${list}) ON ${name} TO ${to}`,
    ...onSequences,
  ]
}

/** Pure: the statements that take tables from a role. Reading goes with the rest. */
export function tableRevocations(role: string, tables: readonly PlannedTable[]): readonly string[] {
  return tables.flatMap(({ name, sequences }) => [
    `REVOKE ALL ON ${name} FROM ${ident(role)}`,
    ...sequences.map((sequence) => `REVOKE ALL ON SEQUENCE ${sequence} FROM ${ident(role)}`),
  ])
}

/** Pure: the statements that take everything from a role: `schemas` are those in which it has any right. */
export function fullRevocations(role: string, schemas: readonly string[]): readonly string[] {
  const from = ident(role)
  return [
    ...schemas.flatMap((schema) =>
      ['ALL TABLES IN SCHEMA', 'ALL SEQUENCES IN SCHEMA', 'ALL ROUTINES IN SCHEMA', 'SCHEMA'].map(
        (what) => `REVOKE ALL ON ${what} ${ident(schema)} FROM ${from}`,
      ),
    ),
    ...Object.keys(roleSettings).map((name) => `ALTER ROLE ${from} RESET ${name}`),
  ]
}

function schemasOf(tables: readonly PlannedTable[]): readonly string[] {
  return [...new Set(tables.map(({ schema }) => schema))]
}
