import { isOutpostError, OutpostError } from '../../errors/outpost-error.ts'
import type { FreeSpace } from './free-space.ts'

/** LMDB's own codes are negative, the system's positive (`errno.h` on Linux and macOS). */
const mapFull = -30_792
const inputOutput = 5

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
 * What a failed write means. Cut short on a full disk, or the map full: nothing of that commit was stored and the next
 * one may succeed, because LMDB writes its meta page last and every page of the failed commit anew. Anything else is
 * final. An error of fsync above all: the kernel may have thrown dirty pages away, so that a second fsync would
 * succeed without having stored them. ENOSPC too: see {@link FreeSpace} for what lmdb does to the process then.
 */
export function writeError(
  cause: unknown,
  environment: { readonly path: string; readonly space: FreeSpace },
): OutpostError {
  if (isOutpostError(cause)) return cause
  const code = (cause as CodedError | undefined)?.code
  if (code === mapFull) return full(environment.path, cause)
  // LMDB reports a write of which the disk took only a part as an input/output error.
  if (code === inputOutput && lacksSpace(environment.space)) return full(environment.path, cause)
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OutpostError(
    'journal_failed',
    `The journal in ${environment.path} could not be written: ${reason}`,
    { cause },
  )
}

function full(path: string, cause: unknown): OutpostError {
  return new OutpostError('journal_full', `The disk of ${path} is full: nothing was stored`, { cause })
}

function lacksSpace(space: FreeSpace): boolean {
  try {
    space.refuseAppend(0)
    return false
  } catch (error) {
    return isOutpostError(error, 'journal_full')
  }
}
