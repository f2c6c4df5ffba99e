import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { openLmdbJournal, readLmdbJournal } from '../lmdb/open.ts'

/**
 * `race-program.ts <folder> [hold | read]`: opens the journal and says how that went. With `hold` it stays until it
 * is killed.
 */
const [folder, mode] = process.argv.slice(2)

async function attempt(): Promise<string> {
  if (mode === 'read') {
    const reader = await readLmdbJournal(folder!)
    return `read ${reader.lastSeq}`
  }
  await openLmdbJournal({ path: folder!, clock: systemClock })
  return 'opened'
}

const answer = await attempt().catch((error: unknown) => {
  if (isOutpostError(error, 'journal_in_use')) return `journal_in_use ${String(error.details.pid)}`
  throw error
})
process.stdout.write(`${answer}\n`)
if (mode === 'hold') setInterval(() => {}, 60_000)
else process.exit(0)
