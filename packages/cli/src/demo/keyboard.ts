import type { ReadStream } from 'node:tty'

/** Calls back for each key that is pressed; returns how to give the terminal back. */
export function listenToKeys(terminal: ReadStream, onKey: (key: string) => void): () => void {
  const onData = (data: Buffer) => {
    for (const key of data.toString('utf8')) onKey(key)
  }
  terminal.setRawMode(true)
  terminal.resume()
  terminal.on('data', onData)
  return () => {
    terminal.off('data', onData)
    terminal.setRawMode(false)
    terminal.pause()
  }
}
