import type { ClientBase } from 'pg'

/**
 * The forms in which the driver and the overlay read PostgreSQL's text, whatever the server, the database or the role
 * says: dates in ISO form, intervals in PostgreSQL's own, floating point numbers with all their digits. Another form
 * would show a recorded row changed, or as null, once main has it.
 */
export const valueForms = [
  ['datestyle', 'ISO, MDY'],
  ['intervalstyle', 'postgres'],
  ['extra_float_digits', '1'],
] as const

/**
 * What every session of a site needs. A guard and its read take a snapshot each (E3), and a hot standby answers a
 * SERIALIZABLE session nothing at all (E7).
 */
export const sessionSettings = [...valueForms, ['default_transaction_isolation', 'read committed']] as const

const settingsSql = sessionSettings.map(([name, value]) => `SET ${name} TO '${value}'`).join('; ')

/**
 * Settles a new connection, in one message. They cannot be startup parameters, of which a transaction-mode pgbouncer
 * takes only some; behind one every backend gets them from the site's role (`grantSite`). Error: the connection's.
 */
export async function settleSession(client: Pick<ClientBase, 'query'>): Promise<void> {
  await client.query(settingsSql)
}
