import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Endpoint } from '../postgres/standby.ts'
import { isFree } from '../process/free-port.ts'
import { waitFor } from '../process/wait-for.ts'
import { type Link, startLink } from './link.ts'

describe('Link', () => {
  let echo: Server
  let target: Endpoint
  let link: Link
  const sockets = new Set<Socket>()

  beforeEach(async () => {
    echo = await listening(createServer({ allowHalfOpen: true }, (socket) => void keep(socket).pipe(socket)))
    target = endpointOf(echo)
    link = await startLink({ target })
  })

  afterEach(async () => {
    await link.stop()
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await new Promise((resolve) => echo.close(resolve))
  })

  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => undefined)
  }
  const client = async (to: Endpoint = link.endpoint()): Promise<Socket> => {
    const socket = keep(connect({ ...to, allowHalfOpen: true }))
    await once(socket, 'connect')
    return socket
  }
  const roundTrip = async (socket: Socket, text = 'x'): Promise<number> => {
    const started = performance.now()
    socket.write(text)
    await received(socket, text.length)
    return performance.now() - started
  }

  /** A busy machine adds to each measurement, never to the smallest of many for long. */
  const fastestOfFive = async (socket: Socket): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < 5; n += 1) times.push(await roundTrip(socket))
    return Math.min(...times)
  }

  it('carries bytes both ways and counts them', async () => {
    const socket = await client()
    socket.write('hello')
    expect(String(await received(socket, 5))).toBe('hello')
    expect(link.state().forwards.default).toMatchObject({
      openConnections: 1,
      totalConnections: 1,
      bytesToTarget: 5,
      bytesToClient: 5,
      bufferedBytes: 0,
    })
  })

  it('passes the end of one direction on and lets the other finish', async () => {
    const socket = await client()
    const closed = once(link, 'close')
    socket.end('last words')
    expect(String(await received(socket, 10))).toBe('last words')
    await closed
    expect(link.state().forwards.default!.openConnections).toBe(0)
  })

  it('carries 32 MB unchanged, in order, with a delay that changes under way', async () => {
    const socket = await client()
    const sent = Buffer.alloc(32 * 1024 * 1024)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at)
    link.delay(10)
    socket.write(sent)
    const back = received(socket, sent.length)
    await waitFor(() => link.state().forwards.default!.bytesToClient > 4e6, {
      what: 'the first bytes',
      everyMs: 1,
    })
    link.delay(0)
    expect((await back).equals(sent)).toBe(true)
  })

  it('takes the delay for a round trip, half of it each way, and a whole one more to connect', async () => {
    link.delay(80)
    const socket = await client()
    expect(await roundTrip(socket)).toBeGreaterThanOrEqual(158)
    const fastest = await fastestOfFive(socket)
    expect(fastest).toBeGreaterThanOrEqual(78)
    expect(fastest).toBeLessThan(150)
    link.delay(0)
    expect(await fastestOfFive(socket)).toBeLessThan(70)
  })

  it('adds the delay once for many messages in flight', async () => {
    link.delay(100)
    const socket = await client()
    await roundTrip(socket)
    const started = performance.now()
    const answers = received(socket, 20)
    for (let n = 0; n < 20; n += 1) socket.write('m')
    await answers
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  it('limits the bandwidth of all connections together', async () => {
    link.bandwidth(100_000)
    const [one, two] = [await client(), await client()]
    const started = performance.now()
    const answers = Promise.all([received(one, 15_000), received(two, 15_000)])
    one.write(Buffer.alloc(15_000))
    two.write(Buffer.alloc(15_000))
    await answers
    const tookMs = performance.now() - started
    // 30 kB one way at 100 kB/s is 300 ms; the way back overlaps.
    expect(tookMs).toBeGreaterThan(270)
    expect(tookMs).toBeLessThan(2_000)
  })

  it('lets go of everything at once when the bandwidth limit is lifted', async () => {
    link.bandwidth(10)
    const socket = await client()
    socket.write(Buffer.alloc(50_000))
    const answer = received(socket, 50_000)
    await waitFor(() => link.state().forwards.default!.bufferedBytes > 10_000, { what: 'bytes waiting' })
    link.bandwidth(null)
    await answer
  })

  it('resets what is open when it is cut, turns new clients away, and takes them after', async () => {
    const socket = await client()
    await roundTrip(socket)
    const failed = once(socket, 'error')
    link.cut()
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
    const refused = once(link, 'refused')
    const late = keep(connect(link.endpoint()))
    await Promise.all([refused, closed(late)])
    expect(link.state()).toMatchObject({
      mode: 'cut',
      forwards: { default: { refusedConnections: 1, openConnections: 0 } },
    })
    link.restore()
    expect(await roundTrip(await client())).toBeLessThan(1_000)
  })

  it('holds bytes while half-open, of old and of new connections, and delivers them in order', async () => {
    const old = await client()
    await roundTrip(old)
    link.halfOpen()
    const held = once(link, 'held')
    old.write('one ')
    await held
    old.write('two')
    const fresh = await client()
    fresh.write('three')
    await waitFor(() => link.state().forwards.default!.bufferedBytes === 12, { what: 'all bytes held' })
    expect(link.state().forwards.default).toMatchObject({ bytesToTarget: 1, openConnections: 2 })
    const answers = Promise.all([received(old, 7), received(fresh, 5)])
    link.restore()
    expect((await answers).map(String)).toEqual(['one two', 'three'])
  })

  it('hides the end of a connection while half-open', async () => {
    const socket = await client()
    await roundTrip(socket)
    const [far] = [...sockets].filter((each) => each.remotePort !== undefined && each !== socket)
    link.halfOpen()
    socket.destroy()
    await once(socket, 'close')
    let seen = false
    const ended = once(far!, 'end').then(() => {
      seen = true
    })
    await roundTrip(await client(target))
    expect(seen).toBe(false)
    link.restore()
    await ended
  })

  it('drops what it held when it is cut', async () => {
    const socket = await client()
    await roundTrip(socket)
    link.halfOpen()
    const held = once(link, 'held')
    socket.write('lost')
    await held
    link.cut()
    link.restore()
    expect(link.state().forwards.default).toMatchObject({
      bytesToTarget: 1,
      bufferedBytes: 0,
      openConnections: 0,
    })
  })

  it('P11: holds no more than its limit and makes the sender wait', async () => {
    const socket = await client()
    await roundTrip(socket)
    link.halfOpen()
    const total = 40 * 1024 * 1024
    socket.write(Buffer.alloc(total, 'a'))
    await waitFor(() => link.state().forwards.default!.bufferedBytes >= 8 * 1024 * 1024, {
      what: 'the limit',
    })
    // A second connection that gets its turn shows that the first had its chance to go over.
    const other = await client()
    other.write('b')
    await once(link, 'held')
    expect(link.state().forwards.default!.bufferedBytes).toBeLessThan(9 * 1024 * 1024)
    const answer = received(socket, total)
    link.restore()
    expect((await answer).length).toBe(total)
  })

  it('leads new clients to the new target, and resets the old ones', async () => {
    const other = await listening(createServer((socket) => void keep(socket).end('other')))
    const old = await client()
    await roundTrip(old)
    const reset = once(old, 'error')
    link.setTarget('default', endpointOf(other))
    await reset
    expect(String(await received(await client(), 5))).toBe('other')
    other.close()
  })

  it('says that the target does not listen', async () => {
    const dead = await listening(createServer())
    const nowhere = endpointOf(dead)
    await new Promise((resolve) => dead.close(resolve))
    link.setTarget('default', nowhere)
    const refused = once(link, 'refused')
    const socket = await client()
    const over = closed(socket)
    expect((await refused)[1]).toContain('ECONNREFUSED')
    await over
  })

  it('carries several forwards on one line', async () => {
    const http = await link.forward('http', target)
    const socket = await client(http)
    await roundTrip(socket)
    const failed = once(socket, 'error')
    link.cut()
    await failed
    expect(Object.keys(link.state().forwards)).toEqual(['default', 'http'])
  })

  it('P9: refuses nonsense and changes nothing', () => {
    for (const bad of [-1, Number.NaN, 600_001]) expect(() => link.delay(bad)).toThrow('round trip')
    for (const bad of [0, -5, Number.NaN]) expect(() => link.bandwidth(bad)).toThrow('bandwidth')
    expect(() => link.setTarget('nobody', target)).toThrow('no forward')
    expect(link.conditions).toEqual({ mode: 'up', roundTripMs: 0, bytesPerSecond: null })
  })

  it('frees its ports when it stops, also with connections open', async () => {
    await roundTrip(await client())
    const { port } = link.endpoint()
    await link.stop()
    await link.stop()
    expect(await isFree(port)).toBe(true)
  })
})

/** The next `bytes` bytes that a socket gives; rejects when it closes before. */
function received(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const early = () => reject(new Error(`closed after ${length} of ${bytes} bytes`))
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length < bytes) return
      socket.off('data', take).off('close', early)
      resolve(Buffer.concat(chunks))
    }
    socket.on('data', take).on('close', early)
  })
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function endpointOf(server: Server): Endpoint {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return { host: '127.0.0.1', port: address.port }
}
