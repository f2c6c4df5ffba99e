import Type, { type TSchema } from 'typebox'

const uuid = Type.String({ format: 'uuid' })

/** What every recorded write is answered with beside its ids. */
const receipt = {
  transaction_id: uuid,
  transaction_state: Type.String({
    description: 'buffered: durable at this site; applied: on main; replicated: back on the replica',
  }),
  token: Type.String({ description: 'Outpost-Token: send it with a read to be sure to see this write' }),
}

export const recordedAnswer = Type.Object({ id: uuid, status: Type.String(), ...receipt })
export const bulkAnswer = Type.Object({ ids: Type.Array(uuid), count: Type.Integer(), ...receipt })

/** RFC 9457, as every error is answered. */
export const problemAnswer = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String({ description: 'Stable; listed in the error reference' }),
  hint: Type.String({ description: 'What to do' }),
  errors: Type.Optional(
    Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
  ),
})

/** The answers of a recorded write, for the API description. */
export function answersOf(status: 200 | 201, answer: TSchema): Readonly<Record<string, TSchema>> {
  return { [status]: answer, '4xx': problemAnswer, '5xx': problemAnswer }
}

/** A transition table in words, for the API description: `running → paused, completed`. */
export function describeTransitions(table: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(table)
    .map(([from, to]) => `${from} → ${to.join(', ') || 'nothing'}`)
    .join('; ')
}
