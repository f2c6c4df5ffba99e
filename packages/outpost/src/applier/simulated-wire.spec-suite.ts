import type { WireBatch } from '../ledger/batch-plan.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'

/** A transaction as it came out of the payload, with the rows that it inserts. */
export interface Arrived {
  readonly seq: Seq
  readonly id: string
  readonly epoch: Epoch
  readonly dependsOn: readonly Seq[]
  readonly isLastAttempt: boolean
  readonly rows: readonly Readonly<Record<string, string>>[]
}

/** The transactions of one group of a payload, in their order. */
export function arrived(wire: WireBatch, group: WireBatch['groups'][number]): readonly Arrived[] {
  return group.x.map(([seq, id, , , dependsOn, isLastAttempt, places]) => {
    const rows: Record<string, string>[] = []
    for (let at = 0; at < places.length; at += 2) {
      const [shape, values] = group.r[places[at]!]!
      const { columns } = wire.shapes[shape]!
      const row = values[places[at + 1]!]!
      rows.push(Object.fromEntries(columns.map((column, index) => [column, String(row[index])])))
    }
    return { seq, id, epoch: wire.epochs[group.e]!, dependsOn, isLastAttempt, rows }
  })
}
