import { isOutpostError, OutpostError } from '../../errors/outpost-error.ts'

/** Answers of a server that is there, by which nothing was stored. */
const refusals =
  /^(OOM|MISCONF|NOPERM|NOAUTH|WRONGPASS|READONLY|LOADING|BUSY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN) /

/** Whether Redis has answered that it does not do this, so that nothing was stored. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.test(`${error.message} `)
}

/** What a failed command means for the journal. Pure. */
export function redisError(error: unknown): OutpostError {
  if (isOutpostError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  if (message.startsWith('OOM')) {
    return new OutpostError('journal_full', `Redis has reached its maxmemory: ${message}`, {
      hint: 'Raise maxmemory of Redis, or restore the link to main and lower JOURNAL_RETENTION; reads and the drain go on.',
      cause: error,
    })
  }
  if (message.startsWith('MISCONF')) {
    return new OutpostError('journal_full', `Redis cannot write its file: ${message}`, {
      hint: 'Make room on the disk of Redis; its log has the reason.',
      cause: error,
    })
  }
  if (/is missing/.test(message)) {
    return new OutpostError('journal_corrupt', `The journal in Redis is not whole: ${message}`, {
      hint: 'Keep the append-only files of Redis, restore them from a copy or ask for help: nothing was changed.',
      cause: error,
    })
  }
  return unavailable(message, error)
}

export function unavailable(reason: string, cause?: unknown): OutpostError {
  return new OutpostError(
    'journal_unavailable',
    `Redis, which keeps the journal, does not answer: ${reason}`,
    {
      ...(cause !== undefined && { cause }),
    },
  )
}
