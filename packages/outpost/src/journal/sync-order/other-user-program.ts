import 'lmdb'
import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { openLmdbJournal, readLmdbJournal } from '../lmdb/open.ts'

/** `other-user-program.ts <folder> <read | write> <uid>`: opens the journal as that user and says how that went. */
const [folder, mode, uid] = process.argv.slice(2)
// Everything is loaded: a user that may not read this folder opens the journal all the same.
if (process.getuid?.() === 0) process.setuid?.(Number(uid))

async function attempt(): Promise<string> {
  if (mode === 'read') return `read ${(await readLmdbJournal(folder!)).lastSeq}`
  await openLmdbJournal({ path: folder!, clock: systemClock })
  return 'opened'
}

const answer = await attempt().catch((error: unknown) => {
  if (isOutpostError(error)) return `${error.code}: ${error.message}`
  throw error
})
process.stdout.write(`${answer}\n`)
process.exit(0)
