import { readFile } from 'node:fs/promises'

/** Anonymous resident memory of a process in MB (10^6 bytes): without the pages of files, such as the journal's. */
async function anonymousMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6
}

/** Watches a process until it is told to stop, and keeps the highest value seen. */
export class MemoryWatch {
  #highestMb = 0
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.#timer = setInterval(() => void this.#look(pid), 50)
  }

  get highestMb(): number {
    return this.#highestMb
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(pid: number): Promise<void> {
    // A process that has just ended has no memory to report.
    const mb = await anonymousMb(pid).catch(() => 0)
    this.#highestMb = Math.max(this.#highestMb, mb)
  }
}
