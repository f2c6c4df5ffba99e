import { describe, expect, it } from 'vitest'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import type { Ground } from './ground.spec-suite.ts'

export function describeOpening({ store, opened, fill }: Ground): void {
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
      expect((await second.getMany([1, 2])).map((record) => record.epoch)).toEqual([one!.epoch, second.epoch])
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
}
