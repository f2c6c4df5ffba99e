import type { TraceEvent } from './trace.ts'

/** What the kernel writes back as one: a page holds all writes to it up to some moment, and none after. */
const pageBytes = 4096

interface PageVersion {
  readonly offsetInPage: number
  readonly data: Buffer
  /** Trace line at which the write had returned. */
  readonly writtenAt: number
  /** Trace line from which it is certainly on stable storage; Infinity when nothing ever synced it. */
  readonly durableAt: number
}

/**
 * What a power loss at some line of a trace can leave of one file: everything that was synced, and of the rest any
 * page in any state that it passed through since.
 */
export class DiskModel {
  readonly #pages = new Map<number, PageVersion[]>()
  readonly #namedAt: number

  constructor(events: readonly TraceEvent[], path: string) {
    const unknown = events.find((event) => event.kind === 'other' && event.path === path)
    if (unknown?.kind === 'other') throw new Error(`The model of the disk does not know ${unknown.name}`)
    const syncs = events.filter((event) => event.kind === 'sync')
    const fileSyncs = syncs.filter((sync) => sync.path === path)
    for (const event of events) {
      if (event.kind === 'write' && event.path === path) this.#add(event, fileSyncs)
    }
    this.#namedAt = nameDurableAt(events, path)
  }

  /**
   * The file after a power loss at this line, or undefined when its name need not have survived. `pick` chooses the
   * version of a page that was not synced: 0 for the oldest allowed, below 1.
   */
  contentsAt(line: number, pick: () => number): Buffer | undefined {
    if (line < this.#namedAt) return undefined
    const kept: { readonly page: number; readonly versions: readonly PageVersion[] }[] = []
    for (const [page, versions] of this.#pages) {
      const written = versions.filter((version) => version.writtenAt < line)
      const least = written.findLastIndex((version) => version.durableAt < line) + 1
      const count = least + Math.floor(pick() * (written.length - least + 1))
      if (count > 0) kept.push({ page, versions: written.slice(0, count) })
    }
    return assemble(kept)
  }

  #add(write: TraceEvent & { kind: 'write' }, syncs: readonly (TraceEvent & { kind: 'sync' })[]): void {
    const sync = syncs.find((candidate) => candidate.startedAt > write.endedAt)
    const durableAt = write.isSynchronous ? write.endedAt : (sync?.endedAt ?? Number.POSITIVE_INFINITY)
    for (let done = 0; done < write.data.length; ) {
      const position = write.offset + done
      const page = Math.floor(position / pageBytes)
      const offsetInPage = position % pageBytes
      const data = write.data.subarray(done, done + pageBytes - offsetInPage)
      const versions = this.#pages.get(page) ?? []
      versions.push({ offsetInPage, data, writtenAt: write.endedAt, durableAt })
      this.#pages.set(page, versions)
      done += data.length
    }
  }
}

function assemble(
  kept: readonly { readonly page: number; readonly versions: readonly PageVersion[] }[],
): Buffer {
  let end = 0
  for (const { page, versions } of kept) {
    for (const { offsetInPage, data } of versions)
      end = Math.max(end, page * pageBytes + offsetInPage + data.length)
  }
  const contents = Buffer.alloc(end)
  for (const { page, versions } of kept) {
    for (const { offsetInPage, data } of versions) data.copy(contents, page * pageBytes + offsetInPage)
  }
  return contents
}

/** A new file's name is durable when its folder was synced after the file had been made. */
function nameDurableAt(events: readonly TraceEvent[], path: string): number {
  const folder = path.slice(0, path.lastIndexOf('/'))
  let madeAt: number | undefined
  for (const event of events) {
    if (event.kind === 'open' && event.path === path && event.flags.includes('O_CREAT'))
      madeAt ??= event.endedAt
    if (madeAt === undefined || event.kind !== 'sync') continue
    if (event.path === folder && event.startedAt > madeAt) return event.endedAt
  }
  return madeAt === undefined ? 0 : Number.POSITIVE_INFINITY
}
