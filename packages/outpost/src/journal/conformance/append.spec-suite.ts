import { describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { type Ground, retainThrough } from './ground.spec-suite.ts'

export function describeAppend({ store, opened, fill }: Ground): void {
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
      await Promise.all([journal.append(sampleDraft(1)), journal.append(big), journal.append(sampleDraft(3))])
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
  })
}
