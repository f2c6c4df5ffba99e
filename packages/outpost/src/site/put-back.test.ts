import { describe, expect, it } from 'vitest'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { PutBack } from './put-back.ts'

const epoch = 'e'
const lineage = 'l'

/** Transactions 1 to `count`, all confirmed, and what of the overlay is told of them. */
function confirmed(count: number) {
  const inOverlay = new Set<Seq>()
  const putBacks: Seq[][] = []
  const replica = { shows: count, looks: 0 }
  const seqs = Array.from({ length: count }, (_, index) => index + 1)
  const putBack = new PutBack({
    siteName: 's',
    journal: {
      epochs: [{ epoch, from: 1 }],
      firstSeq: 1,
      status: () => ({ state: 'replicated', lineage }),
      seqsIn: (state, { after = 0 } = {}) =>
        state === 'replicated' ? seqs.filter((seq) => seq > after) : [],
      getMany: (wanted) => Promise.resolve(wanted.map((seq) => ({ seq }) as TransactionRecord)),
    },
    overlay: {
      putBack: (records) => {
        putBacks.push(records.map(({ seq }) => seq))
        for (const { seq } of records) inOverlay.add(seq)
      },
      takeOut: (out) => {
        for (const seq of out) inOverlay.delete(seq)
      },
    },
    lineage: () => lineage,
    query: () => {
      replica.looks += 1
      const islands = [{ epoch, lineage, from: 1, to: replica.shows }]
      return Promise.resolve([{ has_lineage: true, lsn: '0/1', islands }])
    },
  })
  return { putBack, inOverlay, putBacks, replica }
}

describe('what is put back', () => {
  it('P6: leaves no elder change over a newer row: what is confirmed meanwhile waits for its elders', async () => {
    const { putBack, inOverlay, replica } = confirmed(4)
    await putBack.all()
    inOverlay.add(5)
    replica.shows = 2
    putBack.confirmed([5])
    await putBack.look()
    expect([...inOverlay]).toEqual([3, 4, 5])
    replica.shows = 5
    await putBack.look()
    expect([...inOverlay]).toEqual([])
    expect(putBack.size).toBe(0)
  })

  it('leaves at once what is confirmed while nothing is put back', () => {
    const { putBack, inOverlay } = confirmed(1)
    inOverlay.add(2)
    putBack.confirmed([2])
    expect([...inOverlay]).toEqual([])
  })

  it('N17: comes newest first, so that a floor in between hides nothing', async () => {
    const { putBack, putBacks } = confirmed(2_500)
    await putBack.all()
    expect(putBacks.map((seqs) => [seqs[0], seqs.at(-1)])).toEqual([
      [1_501, 2_500],
      [501, 1_500],
      [1, 500],
    ])
  })

  it('does nothing a second time before something has left', async () => {
    const { putBack, putBacks } = confirmed(3)
    await putBack.all()
    await putBack.all()
    expect(putBacks).toHaveLength(1)
    await putBack.look()
    await putBack.all()
    expect(putBacks).toHaveLength(2)
  })
})
