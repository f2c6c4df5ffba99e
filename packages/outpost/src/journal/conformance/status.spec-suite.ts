import { describe, expect, it } from 'vitest'
import { transactionStates, transitions } from '../../transaction/state.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import type { Ground } from './ground.spec-suite.ts'

export function describeStatus({ store, opened, fill }: Ground): void {
  describe('status', () => {
    it('starts as buffered and follows runs of changes', async () => {
      const journal = await opened(await store())
      await fill(journal, 1000)
      expect(journal.status(1000)).toEqual({ state: 'buffered' })
      await journal.setStatus([
        { from: 1, to: 600, status: { state: 'applied', appliedAtMs: 5, lineage: 'l', position: '1/AB' } },
        {
          from: 700,
          to: 700,
          status: { state: 'rejected', sqlstate: '23505', constraint: 'c', message: 'm' },
        },
        { from: 701, to: 702, status: { state: 'parked', parkedBy: [700] } },
      ])
      await journal.setStatus([{ from: 300, to: 400, status: { state: 'replicated', replicatedAtMs: 9 } }])
      expect(journal.status(299)).toEqual({
        state: 'applied',
        appliedAtMs: 5,
        lineage: 'l',
        position: '1/AB',
      })
      expect(journal.status(300)).toMatchObject({ state: 'replicated', appliedAtMs: 5, replicatedAtMs: 9 })
      expect(journal.status(700)).toMatchObject({ state: 'rejected', sqlstate: '23505' })
      expect(journal.seqsIn('parked')).toEqual([701, 702])
      expect(journal.seqsIn('applied', { after: 298, limit: 3 })).toEqual([299, 401, 402])
      expect(journal.statistics().counts).toMatchObject({
        buffered: 397,
        applied: 499,
        replicated: 101,
        rejected: 1,
        parked: 2,
      })
    })

    it('keeps statuses over an orderly restart', async () => {
      const at = await store()
      const journal = await opened(at)
      await fill(journal, 10)
      await journal.setStatus([
        { from: 2, to: 4, status: { state: 'applied', appliedAtMs: 5 } },
        { from: 6, to: 6, status: { state: 'buffered', attempts: 2 } },
      ])
      await journal.stop()
      const again = await opened(at)
      expect(again.status(3)).toEqual({ state: 'applied', appliedAtMs: 5 })
      expect(again.status(6)).toEqual({ state: 'buffered', attempts: 2 })
      expect(again.seqsIn('buffered')).toEqual([1, 5, 6, 7, 8, 9, 10])
    })

    it('P8: a re-drive starts afresh and is counted as the caller says', async () => {
      const journal = await opened(await store())
      await fill(journal, 2)
      await journal.setStatus([
        { from: 1, to: 2, status: { state: 'applied', appliedAtMs: 5, lineage: 'old' } },
      ])
      await journal.setStatus([{ from: 1, to: 2, status: { state: 'buffered', redriven: 1 } }])
      expect(journal.status(1)).toEqual({ state: 'buffered', redriven: 1 })
    })

    it('allows exactly the transitions of the table, and changes nothing otherwise', async () => {
      const journal = await opened(await store())
      let next = 0
      for (const from of transactionStates) {
        const path = pathTo(from)
        if (path === undefined) continue
        for (const to of transactionStates.filter((state) => state !== 'gone' && state !== from)) {
          next += 1
          await journal.append(sampleDraft(next))
          for (const state of path) await journal.setStatus([{ from: next, to: next, status: { state } }])
          const attempt = journal.setStatus([{ from: next, to: next, status: { state: to } }])
          const isAllowed = transitions[from].includes(to)
          if (isAllowed) await attempt
          else await expect(attempt).rejects.toMatchObject({ code: 'transition_refused' })
          expect(journal.status(next).state).toBe(isAllowed ? to : from)
        }
      }
      expect(next).toBeGreaterThan(50)
    })

    it('makes all changes of a call or none', async () => {
      const journal = await opened(await store())
      await fill(journal, 5)
      const refused = journal.setStatus([
        { from: 1, to: 2, status: { state: 'applied' } },
        { from: 3, to: 5, status: { state: 'retained' } },
      ])
      await expect(refused).rejects.toMatchObject({ code: 'transition_refused' })
      expect(journal.statistics().counts.buffered).toBe(5)
    })

    it('refuses a seq that was never given out', async () => {
      const journal = await opened(await store())
      expect(() => journal.status(1)).toThrow(/newest/)
      await expect(
        journal.setStatus([{ from: 1, to: 1, status: { state: 'applied' } }]),
      ).rejects.toMatchObject({ code: 'transaction_unknown' })
    })
  })
}

/** States to pass through from `buffered` to reach this one; undefined for `gone`, which only a drop reaches. */
function pathTo(
  state: (typeof transactionStates)[number],
): readonly (typeof transactionStates)[number][] | undefined {
  const paths = {
    buffered: [],
    applied: ['applied'],
    replicated: ['applied', 'replicated'],
    retained: ['applied', 'replicated', 'retained'],
    gone: undefined,
    rejected: ['rejected'],
    parked: ['parked'],
    resolved: ['rejected', 'resolved'],
    discarded: ['rejected', 'discarded'],
    superseded: ['rejected', 'superseded'],
  } as const
  return paths[state]
}
