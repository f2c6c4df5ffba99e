import { createServer, type Server, type Socket } from 'node:net'
import type { Endpoint } from '../postgres/standby.ts'
import { freePort } from '../process/free-port.ts'
import type { LinkConditions } from './conditions.ts'
import { LinkConnection } from './link-connection.ts'
import type { Pacer } from './pacer.ts'
import type { PipeLine } from './pipe.ts'

export interface ForwardState {
  readonly listen: Endpoint
  readonly target: Endpoint
  readonly openConnections: number
  readonly totalConnections: number
  readonly refusedConnections: number
  /** Delivered to the target. */
  readonly bytesToTarget: number
  /** Delivered to clients. */
  readonly bytesToClient: number
  /** Taken and not delivered yet, both ways. */
  readonly bufferedBytes: number
}

export interface ForwardParts {
  readonly target: Endpoint
  readonly conditions: () => LinkConditions
  readonly toTarget: Pacer
  readonly toClient: Pacer
  readonly emit: {
    readonly open: () => void
    readonly close: () => void
    readonly refused: (reason: string) => void
    readonly held: (bytes: number) => void
  }
}

const host = '127.0.0.1'

/** One listening port of a link and the target that its connections lead to. */
export class Forward {
  readonly #parts: ForwardParts
  readonly #server: Server
  readonly #connections = new Set<LinkConnection>()
  readonly #counts = { total: 0, refused: 0, toTarget: 0, toClient: 0 }
  #target: Endpoint
  #port = 0

  constructor(parts: ForwardParts) {
    this.#parts = parts
    this.#target = parts.target
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  get endpoint(): Endpoint {
    return { host, port: this.#port }
  }

  /** Listens on the port, or on a free one: then a port that is lost to somebody else is replaced. */
  async listen(port?: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#port = port ?? (await freePort())
        return await listenOn(this.#server, this.#port)
      } catch (error) {
        if (port !== undefined || attempt >= 5) throw error
      }
    }
  }

  setTarget(target: Endpoint, options: { readonly keepConnections?: boolean } = {}): void {
    this.#target = target
    if (!options.keepConnections) this.resetAll()
  }

  /** Lets every connection move on what the conditions allow. */
  move(): void {
    for (const connection of this.#connections) connection.move()
  }

  resetAll(): void {
    for (const connection of this.#connections) connection.reset()
  }

  async stop(): Promise<void> {
    this.resetAll()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  state(): ForwardState {
    let bufferedBytes = 0
    for (const connection of this.#connections) bufferedBytes += connection.bufferedBytes
    return {
      listen: this.endpoint,
      target: this.#target,
      openConnections: this.#connections.size,
      totalConnections: this.#counts.total,
      refusedConnections: this.#counts.refused,
      bytesToTarget: this.#counts.toTarget,
      bytesToClient: this.#counts.toClient,
      bufferedBytes,
    }
  }

  #accept(client: Socket): void {
    // The port stays ours while the link is cut: a closed one could be taken by somebody else meanwhile.
    if (this.#parts.conditions().mode === 'cut') {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      this.#refuse('the link is cut')
      return
    }
    this.#counts.total += 1
    const connection: LinkConnection = new LinkConnection({
      client,
      target: () => this.#target,
      conditions: this.#parts.conditions,
      toTarget: this.#line(this.#parts.toTarget, 'toTarget'),
      toClient: this.#line(this.#parts.toClient, 'toClient'),
      onRefused: (reason) => this.#refuse(reason),
      onClosed: () => {
        this.#connections.delete(connection)
        this.#parts.emit.close()
      },
    })
    this.#connections.add(connection)
    this.#parts.emit.open()
  }

  #line(pacer: Pacer, direction: 'toTarget' | 'toClient'): PipeLine {
    return {
      pacer,
      conditions: this.#parts.conditions,
      held: this.#parts.emit.held,
      delivered: (bytes) => {
        this.#counts[direction] += bytes
      },
    }
  }

  #refuse(reason: string): void {
    this.#counts.refused += 1
    this.#parts.emit.refused(reason)
  }
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
