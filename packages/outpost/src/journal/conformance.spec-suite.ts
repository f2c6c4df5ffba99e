import { afterEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../clock/clock.ts'
import { isOutpostError } from '../errors/outpost-error.ts'
import { transactionStates, transitions } from '../transaction/state.ts'
import type { Epoch, TransactionRecord } from '../transaction/transaction.ts'
import type { Journal } from './journal.ts'
import { sampleDraft, sampleIdempotentDraft } from './sample-draft.spec-suite.ts'

interface ConformanceOptions {
  readonly clock?: Clock
  readonly random?: () => Epoch
  readonly maxBytes?: number
  readonly reserveBytes?: number
  readonly onRecovered?: (records: readonly TransactionRecord[]) => void
}

/** A place where one journal lives; opened, stopped and opened again. */
export interface ConformanceStore {
  open(options?: ConformanceOptions): Promise<Journal>
  /** Removes everything. */
  remove(): Promise<void>
}

const weekMs = 7 * 24 * 60 * 60 * 1000

/** What every journal promises, whatever it stores in. */
export function describeJournal(name: string, makeStore: () => Promise<ConformanceStore>): void {
  describe(`journal conformance: ${name}`, () => {
    const cleanups: (() => Promise<void>)[] = []

    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    })

    async function store(): Promise<ConformanceStore> {
      const made = await makeStore()
      cleanups.push(() => made.remove())
      return made
    }

    async function opened(at: ConformanceStore, options?: ConformanceOptions): Promise<Journal> {
      const journal = await at.open(options)
      cleanups.push(() => journal.stop())
      return journal
    }

    async function fill(journal: Journal, count: number, first = 1): Promise<readonly TransactionRecord[]> {
      return await Promise.all(
        Array.from({ length: count }, (_, index) => journal.append(sampleDraft(first + index))),
      )
    }

    describe('append', () => {
      it('numbers records densely from 1 in call order, under the current epoch', async () => {
        const journal = await opened(await store())
        const records = await fill(journal, 300)
        expect(records.map((record) => record.seq)).toEqual(
          Array.from({ length: 300 }, (_, index) => index + 1),
        )
        expect(records.map((record) => record.id)).toEqual(
          Array.from({ length: 300 }, (_, index) => sampleDraft(index + 1).id),
        )
        expect(new Set(records.map((record) => record.epoch))).toEqual(new Set([journal.epoch]))
        expect([journal.firstSeq, journal.lastSeq]).toEqual([1, 300])
      })

      it('P1, N3: a record is the same after stop and open, whatever its values', async () => {
        const at = await store()
        const journal = await opened(at)
        const odd = sampleDraft(1, {
          operations: [
            {
              kind: 'update',
              table: 'public.odd',
              key: { id: '9223372036854775807' },
              set: { a: null, b: '', c: 'ü€😀\u2028', d: '\ud800', e: 'NaN', __proto__x: '"\\\n\t' },
            },
            { kind: 'delete', table: '"Mixed Case"."t.able"', key: { x: "'" } },
          ],
          dependsOn: [3, 5],
          flags: ['shape_only'],
          replaces: sampleDraft(9).id,
          actor: 'pipeline',
          answer: { status: 201, body: { nested: [1, null, 'x'] } },
        })
        const appended = await journal.append(odd)
        await journal.stop()
        const again = await opened(at)
        expect(await again.getMany([1])).toEqual([appended])
        expect(appended).toMatchObject(odd)
      })

      it('sets the time of the injected clock', async () => {
        const journal = await opened(await store(), { clock: { ...systemClock, nowMs: () => 1_234_567 } })
        expect((await journal.append(sampleDraft(1))).bufferedAtMs).toBe(1_234_567)
        expect((await journal.getMany([1]))[0]?.bufferedAtMs).toBe(1_234_567)
      })

      it('keeps a transaction of several megabytes beside small ones', async () => {
        const at = await store()
        const journal = await opened(at)
        const big = sampleDraft(2, { actor: 'é'.repeat(2_000_000) })
        await Promise.all([
          journal.append(sampleDraft(1)),
          journal.append(big),
          journal.append(sampleDraft(3)),
        ])
        await journal.stop()
        const again = await opened(at)
        expect((await again.getMany([1, 2, 3])).map((record) => record.actor?.length)).toEqual([
          undefined,
          2_000_000,
          undefined,
        ])
      })

      it('tells listeners in seq order, before the append resolves, and stops when asked', async () => {
        const journal = await opened(await store())
        const told: number[] = []
        const off = journal.onDurable((records) => told.push(...records.map((record) => record.seq)))
        await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const record = await journal.append(sampleDraft(index + 1))
            expect(told).toContain(record.seq)
          }),
        )
        expect(told).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
        off()
        await journal.append(sampleDraft(51))
        expect(told).toHaveLength(50)
      })

      it('P11: is refused with journal_full at the limit, stores nothing, and goes on after a drop', async () => {
        const at = await store()
        const journal = await opened(at, { maxBytes: 20_000 })
        let stored = 0
        const failure = await (async () => {
          for (; stored < 1000; stored += 1) await journal.append(sampleDraft(stored + 1))
        })().catch((error: unknown) => error)
        expect(isOutpostError(failure, 'journal_full')).toBe(true)
        expect(stored).toBeGreaterThan(5)
        expect(journal.lastSeq).toBe(stored)
        await retainThrough(journal, stored - 1)
        await journal.drop(stored - 1)
        expect((await journal.append(sampleDraft(2000))).seq).toBe(stored + 1)
      })
    })

    it('P11: the last part of the room is for critical appends alone', async () => {
      const journal = await opened(await store(), { maxBytes: 20_000, reserveBytes: 10_000 })
      const untilFull = async (isCritical: boolean) => {
        for (let number = 1; number < 1_000; number += 1) {
          const failure = await journal.append(sampleDraft(journal.lastSeq + 1), { isCritical }).then(
            () => undefined,
            (error: unknown) => error,
          )
          if (failure !== undefined) return failure
        }
        return undefined
      }
      expect(isOutpostError(await untilFull(false), 'journal_full')).toBe(true)
      const uncritical = journal.lastSeq
      expect(journal.appendRefusal?.()).toBeUndefined()
      expect(isOutpostError(await untilFull(true), 'journal_full')).toBe(true)
      expect(journal.lastSeq).toBeGreaterThan(1.5 * uncritical)
      await expect(journal.append(sampleDraft(2_000))).rejects.toMatchObject({ code: 'journal_full' })
    })

    describe('reading', () => {
      it('getMany keeps the given order and leaves out what is not there', async () => {
        const journal = await opened(await store())
        await fill(journal, 10)
        expect((await journal.getMany([7, 2, 11, 2, 0])).map((record) => record.seq)).toEqual([7, 2, 2])
      })

      it('scan gives every record from a seq on, in chunks, to the newest', async () => {
        const journal = await opened(await store())
        await fill(journal, 500)
        const chunks: number[][] = []
        for await (const records of journal.scan(123, { chunkBytes: 50_000 })) {
          chunks.push(records.map((record) => record.seq))
        }
        expect(chunks.flat()).toEqual(Array.from({ length: 378 }, (_, index) => index + 123))
        expect(chunks.length).toBeGreaterThan(1)
        expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
      })

      it('finds by id and by Idempotency-Key, before and after a restart', async () => {
        const at = await store()
        const first = await opened(at)
        await fill(first, 200)
        const keyed = await first.append(sampleIdempotentDraft(1000, 'key-1'))
        const check = async (journal: Journal) => {
          expect((await journal.findById(sampleDraft(77).id))?.seq).toBe(77)
          expect(await journal.findById(sampleDraft(9999).id)).toBeUndefined()
          expect(await journal.findIdempotent('observatory/token-1', 'key-1')).toEqual({
            transactionId: keyed.id,
            requestDigest: 'digest-1000',
            answer: { status: 201, body: { id: 1000 } },
          })
          expect(await journal.findIdempotent('observatory/token-2', 'key-1')).toBeUndefined()
          expect(await journal.findIdempotent('observatory/token-1', 'key-2')).toBeUndefined()
        }
        await check(first)
        await first.stop()
        await check(await opened(at))
      })

      it('hands out what is still pending while it opens, in order', async () => {
        const at = await store()
        const journal = await opened(at)
        await fill(journal, 3000)
        await retainThrough(journal, 500)
        await journal.setStatus([{ from: 600, to: 700, status: { state: 'applied' } }])
        await journal.stop()
        const recovered: number[] = []
        await opened(at, { onRecovered: (records) => recovered.push(...records.map((record) => record.seq)) })
        expect(recovered).toEqual(Array.from({ length: 2500 }, (_, index) => index + 501))
      })
    })

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

    describe('drop', () => {
      it('N13: moves the first seq, also inside a group that was stored together, and survives a restart', async () => {
        const at = await store()
        const journal = await opened(at)
        await fill(journal, 5000)
        await retainThrough(journal, 4321)
        await journal.drop(4321)
        const check = async (opened: Journal) => {
          expect([opened.firstSeq, opened.lastSeq]).toEqual([4322, 5000])
          expect((await opened.getMany([4321, 4322])).map((record) => record.seq)).toEqual([4322])
          expect(opened.status(4321)).toEqual({ state: 'gone' })
          expect(opened.statistics().counts).toMatchObject({ gone: 4321, buffered: 679, retained: 0 })
          expect(await opened.findById(sampleDraft(4321).id)).toBeUndefined()
          expect((await opened.findById(sampleDraft(4322).id))?.seq).toBe(4322)
        }
        await check(journal)
        await journal.stop()
        await check(await opened(at))
      })

      it('refuses what is still needed', async () => {
        const journal = await opened(await store())
        await fill(journal, 3)
        await retainThrough(journal, 1)
        await expect(journal.drop(2)).rejects.toMatchObject({ code: 'transition_refused' })
        expect(journal.firstSeq).toBe(1)
        await journal.drop(1)
        expect(journal.firstSeq).toBe(2)
      })

      it('can drop everything and goes on with the next seq, also after a restart', async () => {
        const at = await store()
        const journal = await opened(at)
        await fill(journal, 20)
        await retainThrough(journal, 20)
        await journal.drop(20)
        expect([journal.firstSeq, journal.lastSeq, journal.statistics().bytes]).toEqual([21, 20, 0])
        await journal.stop()
        const again = await opened(at)
        expect([again.firstSeq, again.lastSeq]).toEqual([21, 20])
        expect((await again.append(sampleDraft(21))).seq).toBe(21)
      })

      it('N22: an answer is kept 7 days past the drop', async () => {
        let nowMs = 1_000_000
        const clock: Clock = { ...systemClock, nowMs: () => nowMs }
        const at = await store()
        const journal = await opened(at, { clock })
        await journal.append(sampleIdempotentDraft(1, 'key-1'))
        await retainThrough(journal, 1)
        await journal.drop(1)
        nowMs += weekMs - 1
        expect((await journal.findIdempotent('observatory/token-1', 'key-1'))?.answer.body).toEqual({ id: 1 })
        await journal.stop()
        const again = await opened(at, { clock })
        expect((await again.findIdempotent('observatory/token-1', 'key-1'))?.requestDigest).toBe('digest-1')
        nowMs += 1
        expect(await again.findIdempotent('observatory/token-1', 'key-1')).toBeUndefined()
      })
    })

    describe('epochs and facts', () => {
      it('N2: every opening begins a new epoch and old records keep theirs', async () => {
        const at = await store()
        const first = await opened(at)
        const [one] = await fill(first, 1)
        await first.stop()
        const second = await opened(at)
        expect(second.epoch).not.toBe(one!.epoch)
        const two = await second.append(sampleDraft(2))
        expect(two).toMatchObject({ seq: 2, epoch: second.epoch })
        expect((await second.getMany([1, 2])).map((record) => record.epoch)).toEqual([
          one!.epoch,
          second.epoch,
        ])
        expect(second.epochs.slice(-2)).toEqual([
          { epoch: one!.epoch, from: 1 },
          { epoch: second.epoch, from: 2 },
        ])
      })

      it('N2: openEpoch takes effect between two appends, even under load', async () => {
        const at = await store()
        const epochs = ['e1', 'e2', 'e3']
        const journal = await opened(at, { random: () => epochs.shift()! })
        const before = fill(journal, 100)
        const epoch = journal.openEpoch()
        const after = fill(journal, 100, 101)
        expect(await epoch).toBe('e2')
        const records = [...(await before), ...(await after)]
        const from = journal.epochs.at(-1)!.from
        expect(records.every((record) => record.epoch === (record.seq < from ? 'e1' : 'e2'))).toBe(true)
        await journal.stop()
        const again = await opened(at, { random: () => 'e3' })
        expect(
          (await again.getMany(records.map((record) => record.seq))).map((record) => record.epoch),
        ).toEqual(records.map((record) => record.epoch))
      })

      it('facts are there at once and after a restart', async () => {
        const at = await store()
        const journal = await opened(at)
        expect(journal.getFact('lineage')).toBeUndefined()
        await journal.setFact('lineage', 'a')
        await journal.setFact('lineage', 'b')
        expect(journal.getFact('lineage')).toBe('b')
        await journal.stop()
        expect((await opened(at)).getFact('lineage')).toBe('b')
      })
    })

    describe('stop', () => {
      it('waits for appends under way, is idempotent, and refuses later ones', async () => {
        const at = await store()
        const journal = await opened(at)
        const appends = fill(journal, 100)
        await Promise.all([journal.stop(), journal.stop()])
        expect(await appends).toHaveLength(100)
        await expect(journal.append(sampleDraft(101))).rejects.toMatchObject({ code: 'site_stopped' })
        expect((await opened(at)).lastSeq).toBe(100)
      })
    })
  })
}

async function retainThrough(journal: Journal, through: number): Promise<void> {
  const from = journal.firstSeq
  for (const state of ['applied', 'replicated', 'retained'] as const) {
    await journal.setStatus([{ from, to: through, status: { state } }])
  }
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
