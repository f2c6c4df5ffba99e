import type { Environment } from './environment.ts'
import { commitCause } from './lmdb-error.ts'

/**
 * Runs writes as one LMDB transaction, durable when it resolves; rejects with the reason of a failed commit. lmdb
 * puts all writes of one turn of the event loop into one transaction. Each result is false where the condition of
 * its write did not hold.
 */
export async function commit(
  environment: Environment,
  write: () => readonly Promise<boolean>[],
): Promise<readonly boolean[]> {
  const results = Promise.all(write())
  holdBatchPromise(environment)
  try {
    return await results
  } catch (error) {
    throw await commitCause(error)
  }
}

/**
 * lmdb starts the batch in a `setImmediate` of its own and makes a promise for it that it gives to nobody: when the
 * commit fails, that rejection would end the process. It can be had as `committed` once the batch has started.
 */
function holdBatchPromise({ root }: Environment): void {
  const ignore = () => {}
  setImmediate(() => void root.committed.then(ignore, ignore))
}
