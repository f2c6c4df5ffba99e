import { printNow } from '@outpost/lab'
import { systemClock } from '../../clock/clock.ts'
import { productSettings } from '../lmdb/environment-settings.ts'
import { openLmdbJournalWith } from '../lmdb/open.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { mulberry32 } from './seeded-random.ts'

/**
 * The program under observation: `append-program.spec-suite.ts <folder> <seed> <appends> [unsynced]`. It appends in changing
 * numbers at once, sets statuses and drops, and writes `ACK <seq> <number>` the moment an append resolves and
 * `DROP <seq>` before it drops.
 */
const [folder, seed, appends, variant] = process.argv.slice(2)
const random = mulberry32(Number(seed))
const settings = { ...productSettings, isSynced: variant !== 'unsynced' }
const journal = await openLmdbJournalWith({ path: folder!, clock: systemClock }, settings)
let next = journal.lastSeq
const target = next + Number(appends)

async function append(number: number): Promise<void> {
  const size = random() < 0.05 ? 20_000 : Math.floor(random() * 400)
  const record = await journal.append(sampleDraft(number, { actor: 'x'.repeat(size) }))
  printNow(`ACK ${record.seq} ${number}`)
}

async function retireOldest(): Promise<void> {
  const through = Math.floor((journal.firstSeq + journal.lastSeq) / 2)
  if (through < journal.firstSeq) return
  for (const state of ['applied', 'replicated', 'retained'] as const) {
    await journal.setStatus([{ from: journal.firstSeq, to: through, status: { state } }])
  }
  printNow(`DROP ${through}`)
  await journal.drop(through)
}

while (next < target) {
  const count = random() < 0.4 ? 1 : 1 + Math.floor(random() * 40)
  const group = Array.from({ length: count }, (_, index) => append(next + 1 + index))
  next += count
  if (random() < 0.15) group.push(retireOldest())
  await Promise.all(group)
}
if (variant !== 'forever') await journal.stop()
