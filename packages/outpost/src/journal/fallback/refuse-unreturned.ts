import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import { LocalStore } from './local-store.ts'

/** Throws `config_invalid` when a site would start without the fallback in which its journal is. */
export async function refuseUnreturned(folder: string): Promise<void> {
  if (!existsSync(join(folder, 'data.mdb'))) return
  const store = await LocalStore.open({
    path: folder,
    clock: systemClock,
    author: 'a process without a fallback',
    makeEpoch: () => '',
  })
  try {
    const { mode, last, base } = store.state
    if (mode === 'redis') return
    throw new OutpostError(
      'config_invalid',
      `The journal of this site is in its fallback (${folder}), with ${last - base} transactions that Redis lacks`,
      {
        hint: 'Start it with JOURNAL_FALLBACK=lmdb and Redis in reach, until health says that it has returned.',
      },
    )
  } finally {
    await store.close()
  }
}
