import { describe, expect, it } from 'vitest'
import type { Journal } from '../journal.ts'
import { sampleDraft, sampleIdempotentDraft } from '../sample-draft.spec-suite.ts'
import { type Ground, retainThrough } from './ground.spec-suite.ts'

export function describeReading({ store, opened, fill }: Ground): void {
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
}
