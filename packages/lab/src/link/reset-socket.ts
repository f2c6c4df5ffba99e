import type { Socket } from 'node:net'

/**
 * Resets a connection. While the end of a socket is being sent, libuv refuses to reset it and Node 20 then never
 * closes its handle: the peer hears nothing, and the process spins at its exit. Such a socket is destroyed instead.
 */
export function resetSocket(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (isEnding) socket.destroy()
  else socket.resetAndDestroy()
}
