import { writeSync } from 'node:fs'

const pauses = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a line to stdout before it returns, so that not even a kill at the next instruction takes it back. A pipe
 * whose reader is slow is waited for: Node's are non-blocking, and a plain `writeSync` then fails with `EAGAIN`.
 */
export function printNow(line: string): void {
  let bytes = Buffer.from(`${line}\n`)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pauses, 0, 0, 1)
    }
  }
}
