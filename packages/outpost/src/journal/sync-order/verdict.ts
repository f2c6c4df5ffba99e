import { systemClock } from '../../clock/clock.ts'
import type { Journal } from '../journal.ts'
import { openLmdbJournal } from '../lmdb/open.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import type { Told } from './acknowledgements.ts'

/** A journal as some crash left it, and what had been told about it before. */
export interface Rebuilt {
  readonly folder: string
  readonly told: Told
}

/** `ok` when it opens and holds everything acknowledged, dense and findable; else what is wrong. */
export async function verdictOn({ folder, told }: Rebuilt): Promise<string> {
  try {
    const journal = await openLmdbJournal({ path: folder, clock: systemClock })
    const fault = await faultOf(journal, told)
    await journal.stop()
    return fault ?? 'ok'
  } catch (error) {
    return `does not open: ${String(error)}`
  }
}

async function faultOf(journal: Journal, told: Told): Promise<string | undefined> {
  if (journal.firstSeq - 1 > told.dropped)
    return `${journal.firstSeq - 1} records dropped, told ${told.dropped}`
  for (const { seq, number } of told.acknowledged) {
    if (seq < journal.firstSeq) continue
    const [record] = await journal.getMany([seq])
    if (record === undefined) return `acknowledged ${seq} is missing, the newest is ${journal.lastSeq}`
    if (record.id !== sampleDraft(number).id) return `record ${seq} is another transaction`
    if ((await journal.findById(record.id))?.seq !== seq) return `record ${seq} is not found by its id`
  }
  let expected = journal.firstSeq
  for await (const records of journal.scan(1)) {
    for (const record of records) {
      if (record.seq !== expected) return `record ${expected} is missing among the stored`
      expected += 1
    }
  }
  return undefined
}
