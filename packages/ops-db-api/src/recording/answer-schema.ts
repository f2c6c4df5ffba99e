import { transactionStates } from 'outpost'
import Type from 'typebox'

const uuid = Type.String({ format: 'uuid' })

/** What every recorded write is answered with beside its ids. */
const receipt = {
  transaction_id: uuid,
  transaction_state: Type.Enum([...transactionStates], {
    description: 'buffered: durable at this site; applied: on main; replicated: back on the replica',
  }),
  token: Type.String({ description: 'Outpost-Token: send it with a read to be sure to see this write' }),
}

export const recordedAnswer = Type.Object({ id: uuid, status: Type.String(), ...receipt })
export const finalizedAnswer = Type.Object({
  id: uuid,
  status: Type.String(),
  size_bytes: Type.Optional(
    Type.Integer({ description: 'Left out when no database could be asked for the files' }),
  ),
  file_count: Type.Optional(Type.Integer()),
  ...receipt,
})
export const bulkAnswer = Type.Object({ ids: Type.Array(uuid), count: Type.Integer(), ...receipt })

/** A transition table in words, for the API description: `running → paused, completed`. */
export function describeTransitions(table: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(table)
    .map(([from, to]) => `${from} → ${to.join(', ') || 'nothing'}`)
    .join('; ')
}
