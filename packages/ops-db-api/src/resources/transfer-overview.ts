import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import { outpostTokenOf } from 'outpost/fastify'
import Type, { type TObject } from 'typebox'
import { documented, readHeaders } from '../documented.ts'
import { packageStates, transferStates } from '../recording/transfer-state.ts'
import { dataTransfers, rawDataPackages } from './recorded-resources.ts'

/** `GET /api/transfer/overview`: how many packages and transfers are in which state, pending rows included. */
export function transferOverviewRoute(app: FastifyInstance, site: Site): void {
  const schema = documented('transfers', 'Counts of packages and transfers per state', {
    headers: readHeaders,
    response: {
      200: Type.Object({ packages: countsSchema(packageStates), transfers: countsSchema(transferStates) }),
    },
  })
  app.get('/api/transfer/overview', { schema }, async (request) => {
    const token = outpostTokenOf(request)
    const options = token === undefined ? {} : { token }
    const [packages, transfers] = await Promise.all([
      site.read(overviewSql(rawDataPackages.table, 'state', 'size_bytes'), [], options),
      site.read(overviewSql(dataTransfers.table, 'status', 'bytes'), [], options),
    ])
    return {
      packages: countsPerState(packageStates, packages.rows),
      transfers: countsPerState(transferStates, transfers.rows),
    }
  })
}

function overviewSql(table: string, state: string, bytes: string): string {
  return `SELECT ${state} AS state, count(*)::text AS count, coalesce(sum(${bytes}), 0)::text AS bytes FROM ${table} GROUP BY ${state}`
}

/** Every state of the list, with zeroes for those that no row is in. */
function countsPerState(states: readonly string[], rows: readonly Record<string, unknown>[]) {
  const byState = new Map(rows.map((row) => [String(row.state), row]))
  const count = (state: string) => Number(byState.get(state)?.count ?? 0)
  return {
    total: states.reduce((sum, state) => sum + count(state), 0),
    by_state: Object.fromEntries(states.map((state) => [state, count(state)])),
    bytes: Object.fromEntries(states.map((state) => [state, Number(byState.get(state)?.bytes ?? 0)])),
  }
}

function countsSchema(states: readonly string[]): TObject {
  const perState = () => Type.Object(Object.fromEntries(states.map((state) => [state, Type.Integer()])))
  return Type.Object({ total: Type.Integer(), by_state: perState(), bytes: perState() })
}
