import { OutpostError } from '../../errors/outpost-error.ts'

/** LMDB's own codes are negative, the system's positive (`errno.h` on Linux and macOS). */
const mapFull = -30_792
const noSpace = 28
const overQuotaLinux = 122
const overQuotaDarwin = 69

interface CodedError extends Error {
  readonly code?: unknown
  readonly commitError?: Promise<never>
}

/** lmdb says "Commit failed" and hands out the reason as another promise. */
export async function commitCause(error: unknown): Promise<unknown> {
  const reason = (error as CodedError).commitError
  if (reason === undefined) return error
  return reason.then(
    () => error,
    (cause: unknown) => cause,
  )
}

/**
 * What a failed write means. Out of space: nothing of that commit was stored and the next one may succeed, because
 * LMDB writes its meta page last and reuses the pages. Anything else, an error of fsync above all, is final: the
 * kernel may have thrown the dirty pages away, so that a second fsync would succeed without having stored them.
 */
export function writeError(cause: unknown): OutpostError {
  if (isOutOfSpace(cause)) {
    return new OutpostError(
      'journal_full',
      'The disk or the map of the journal is full: the transaction was not stored',
      {
        cause,
      },
    )
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OutpostError('journal_failed', `The journal could not be written: ${reason}`, { cause })
}

function isOutOfSpace(cause: unknown): boolean {
  const code = (cause as CodedError | undefined)?.code
  return (
    code === mapFull ||
    code === noSpace ||
    code === overQuotaLinux ||
    code === overQuotaDarwin ||
    code === 'ENOSPC'
  )
}
