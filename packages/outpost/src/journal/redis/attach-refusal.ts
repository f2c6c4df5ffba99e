import { OutpostError } from '../../errors/outpost-error.ts'
import type { Reply } from './replies.ts'

/** Throws where the script `attach` has refused this process: `journal_corrupt`, `config_invalid`. Pure. */
export function refuseAttach(reply: readonly Reply[]): void {
  if (reply[0] === 'format') {
    throw new OutpostError(
      'journal_corrupt',
      `The journal has format ${String(reply[1])}, this program knows 1`,
      {
        hint: 'Run the version of Outpost that wrote it, or a newer one.',
      },
    )
  }
  if (reply[0] !== 'keeper') return
  if (reply[1] === '') {
    throw new OutpostError('config_invalid', 'Processes of this site are at work that have no fallback', {
      hint: 'Stop every process of the site, then start them all with JOURNAL_FALLBACK=lmdb.',
    })
  }
  throw new OutpostError(
    'config_invalid',
    'The journal in Redis has a fallback that this process does not use',
    {
      hint: 'Start every process of the site on one machine, with JOURNAL_FALLBACK=lmdb and the same JOURNAL_PATH.',
      details: { keeper: reply[1] },
    },
  )
}
