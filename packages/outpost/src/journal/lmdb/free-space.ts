import { statfsSync } from 'node:fs'
import { OutpostError } from '../../errors/outpost-error.ts'

/** Free bytes that appends leave alone, so that statuses, drops and a restart still find room on a full disk. */
export const keptFromAppends = 16 * 2 ** 20
/** Free bytes below which nothing is written at all. */
export const keptFromAll = 2 ** 20

/** Bytes that this process may still write on the disk of a folder. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/**
 * Looks whether a commit will fit before LMDB tries, which takes 2 µs a commit. LMDB must not run into a full disk: when
 * a page cannot be written, lmdb 3.5.6 prints its message into a buffer that is too short for it and ends the process.
 */
export class FreeSpace {
  readonly #path: string
  readonly #freeBytes: (folder: string) => number

  constructor(path: string, freeBytes: (folder: string) => number) {
    this.#path = path
    this.#freeBytes = freeBytes
  }

  /** What appends may still take. */
  get roomBytes(): number {
    return Math.max(0, this.#freeBytes(this.#path) - keptFromAppends)
  }

  /** Throws `journal_full` when records of so many bytes might not fit. */
  refuseAppend(bytes: number): void {
    this.#refuse(bytes, keptFromAppends)
  }

  /** Throws `journal_full` when not even the journal's own housekeeping, of so many bytes, fits. */
  refuseWrite(bytes = 0): void {
    this.#refuse(bytes, keptFromAll)
  }

  #refuse(bytes: number, kept: number): void {
    const free = this.#freeBytes(this.#path)
    // Each record is written once, and with it the pages of the tree that lead to it.
    if (free >= 2 * bytes + kept) return
    throw new OutpostError(
      'journal_full',
      `The disk of ${this.#path} has ${free} bytes free and the journal needs ${2 * bytes + kept}: nothing was stored`,
    )
  }
}
