import { createServer } from 'node:net'
import { LabError } from '../errors/lab-error.ts'

/** The lowest port that Linux hands out to outgoing connections: below it nobody takes a port by accident. */
const ephemeralPortsBegin = 32768
const portsBegin = 10240

/** A port below the ephemeral range on which nobody listens right now; the taker must be ready to retry. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = portsBegin + Math.floor(Math.random() * (ephemeralPortsBegin - portsBegin))
    if (await isFree(port)) return port
  }
  throw new LabError('lab_timeout', 'No free port was found in 50 attempts.')
}

/** Whether one could listen on this port of 127.0.0.1 right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)))
  })
}
