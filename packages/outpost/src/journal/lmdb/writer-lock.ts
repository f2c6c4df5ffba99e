import { OutpostError } from '../../errors/outpost-error.ts'
import { commit } from './commit.ts'
import type { Environment } from './environment.ts'
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts'

const key = 'writer'

/**
 * Makes this process the one writer, or throws `journal_in_use`. The holder is written inside an LMDB write
 * transaction, which at most one process on the machine can have open: looking and taking are one step, so that two
 * processes that find a dead holder cannot both take over.
 */
export function takeWriterLock(environment: Environment, path: string): void {
  environment.root.transactionSync(() => {
    const holder = environment.meta.get(key) as ProcessIdentity | undefined
    if (holder !== undefined && isAlive(holder)) throw inUse(holder, path)
    environment.meta.putSync(key, ownIdentity())
  })
}

/** Only on an orderly stop; after a crash the next process sees that the holder is dead. */
export async function releaseWriterLock(environment: Environment): Promise<void> {
  await commit(environment, () => [environment.meta.remove(key)])
}

function inUse(holder: ProcessIdentity, path: string): OutpostError {
  const who = holder.pid === process.pid ? `this process (${holder.pid})` : `process ${holder.pid}`
  return new OutpostError('journal_in_use', `The journal in ${path} is open for writing in ${who}`, {
    details: { pid: holder.pid },
  })
}
