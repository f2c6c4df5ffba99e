import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../postgres/standby.ts'
import type { LinkConditions } from './conditions.ts'
import { Pipe, type PipeLine } from './pipe.ts'
import { resetSocket } from './reset-socket.ts'

export interface LinkConnectionOptions {
  readonly client: Socket
  /** Asked for when the connection is dialled, which a half-open link puts off. */
  readonly target: () => Endpoint
  readonly conditions: () => LinkConditions
  readonly toTarget: PipeLine
  readonly toClient: PipeLine
  readonly onRefused: (reason: string) => void
  readonly onClosed: () => void
}

/**
 * One client's connection through the link. States: waiting (accepted; bytes are collected) → dialling → open →
 * closed. The dial comes a whole round trip after the accept, because the client's own handshake with the link
 * took no time, and a real one would have.
 */
export class LinkConnection {
  readonly #options: LinkConnectionOptions
  readonly #toTarget: Pipe
  #toClient: Pipe | undefined
  #target: Socket | undefined
  #dialTimer: NodeJS.Timeout | undefined
  #isRipe = false
  #isClosed = false

  constructor(options: LinkConnectionOptions) {
    this.#options = options
    // Its errors show as a close without an end, which travels on as a reset.
    options.client.on('error', () => undefined)
    options.client.setNoDelay(true)
    this.#toTarget = new Pipe(options.client, options.toTarget)
    options.client.on('close', () => this.#closeWhenIdle())
    const ripen = () => {
      this.#isRipe = true
      this.move()
    }
    const { roundTripMs } = options.conditions()
    if (roundTripMs > 0) this.#dialTimer = setTimeout(ripen, roundTripMs)
    else ripen()
  }

  get bufferedBytes(): number {
    return this.#toTarget.bufferedBytes + (this.#toClient?.bufferedBytes ?? 0)
  }

  /** Moves on what may move under the present conditions. */
  move(): void {
    const mayDial = this.#isRipe && !this.#isClosed && this.#target === undefined
    if (mayDial && this.#options.conditions().mode === 'up') this.#dial()
    this.#toTarget.move()
    this.#toClient?.move()
  }

  /** Resets both ends and drops what is on its way. */
  reset(): void {
    resetSocket(this.#options.client)
    if (this.#target) resetSocket(this.#target)
    this.#close()
  }

  #dial(): void {
    const target = connect({ ...this.#options.target(), allowHalfOpen: true, noDelay: true })
    this.#target = target
    this.#toClient = new Pipe(target, this.#options.toClient)
    let hasConnected = false
    target.on('connect', () => {
      hasConnected = true
      this.#toTarget.attach(target)
      this.#toClient?.attach(this.#options.client)
    })
    target.on('error', (error) => {
      if (hasConnected || this.#isClosed) return
      this.#options.onRefused(error.message)
      this.reset()
    })
    target.on('close', () => this.#closeWhenIdle())
  }

  /** The connection counts as open until both ends know that it is over. */
  #closeWhenIdle(): void {
    const clientIsGone = this.#options.client.destroyed
    const targetIsGone = this.#target?.destroyed ?? false
    // A client that left while nobody was dialled yet left nothing that must arrive.
    if (clientIsGone && (targetIsGone || this.#target === undefined)) this.#close()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#dialTimer)
    this.#toTarget.close()
    this.#toClient?.close()
    this.#options.onClosed()
  }
}
