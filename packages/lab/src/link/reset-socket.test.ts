import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { resetSocket } from './reset-socket.ts'

async function connected(): Promise<{ readonly near: Socket; readonly far: Socket; close(): void }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  const near = connect({ port: address.port, host: '127.0.0.1' })
  const [far] = (await once(server, 'connection')) as [Socket]
  near.on('error', () => undefined)
  far.on('error', () => undefined)
  return { near, far, close: () => server.close() }
}

it.each([
  ['idle', () => undefined],
  ['just ending', (near: Socket) => void near.end()],
  ['ending behind unsent bytes', (near: Socket) => void near.end(Buffer.alloc(64 * 2 ** 20))],
])('closes a socket that is %s, and its peer hears of it', async (_state, prepare) => {
  const { near, far, close } = await connected()
  far.pause()
  prepare(near)
  const handles = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  const before = handles()
  const heard = new Promise((resolve) => far.once('close', resolve))
  resetSocket(near)
  far.resume()
  await heard
  expect(handles()).toBe(before - 2)
  close()
})
