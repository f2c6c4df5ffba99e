import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../clock/clock.ts'
import type { Journal } from '../journal.ts'
import { sampleDraft, sampleIdempotentDraft } from '../sample-draft.spec-suite.ts'
import { type Ground, retainThrough } from './ground.spec-suite.ts'

const weekMs = 7 * 24 * 60 * 60 * 1000

export function describeDrop({ store, opened, fill }: Ground): void {
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
}
