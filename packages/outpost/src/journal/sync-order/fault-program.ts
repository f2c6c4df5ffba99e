import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { openLmdbJournal } from '../lmdb/open.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'

/**
 * `fault-program.ts <folder> <appends>`: appends one transaction after the other, whatever happens, and prints `ACK
 * <seq> <number>` or the code of the error; at last `stopped`.
 */
const [folder, appends] = process.argv.slice(2)
const journal = await openLmdbJournal({ path: folder!, clock: systemClock })
for (let number = 1; number <= Number(appends); number += 1) {
  const outcome = await journal.append(sampleDraft(number)).then(
    ({ seq }) => `ACK ${seq} ${number}`,
    (error: unknown) => (isOutpostError(error) ? error.code : String(error)),
  )
  process.stdout.write(`${outcome}\n`)
}
await journal.stop()
process.stdout.write('stopped\n')
