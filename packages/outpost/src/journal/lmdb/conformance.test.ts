import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../clock/clock.ts'
import { describeJournal } from '../conformance.spec-suite.ts'
import { openLmdbJournal } from './open.ts'

describeJournal('lmdb', async () => {
  const path = await mkdtemp(join(tmpdir(), 'outpost-journal-'))
  return {
    open: (options = {}) => openLmdbJournal({ clock: systemClock, ...options, path }),
    remove: () => rm(path, { recursive: true, force: true }),
  }
})
