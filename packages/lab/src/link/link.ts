import { EventEmitter } from 'node:events'
import { LabError } from '../errors/lab-error.ts'
import type { Endpoint } from '../postgres/standby.ts'
import { bandwidthProblem, clearConditions, type LinkConditions, roundTripProblem } from './conditions.ts'
import { Forward, type ForwardState } from './forward.ts'
import { Pacer } from './pacer.ts'

export interface ForwardOptions {
  readonly target: Endpoint
  /** Port that the forward listens on; a free one when left out. */
  readonly listenPort?: number
}

export interface LinkOptions extends Partial<ForwardOptions> {
  /** Several ways that share one link, by name; `target` alone is one named `default`. */
  readonly forwards?: Readonly<Record<string, ForwardOptions>>
}

export interface LinkState extends LinkConditions {
  readonly forwards: Readonly<Record<string, ForwardState>>
}

export interface LinkEvents {
  /** The conditions changed. */
  change: [LinkConditions]
  /** A client connected to a forward. */
  open: [forward: string]
  /** A connection is over on both sides. */
  close: [forward: string]
  /** A client was turned away: the link is cut, or the target does not listen. */
  refused: [forward: string, reason: string]
  /** Bytes were taken and held, because the link is half-open. */
  held: [forward: string, bytes: number]
}

/**
 * A network link in user space: TCP connections from local ports to targets, over one shared line whose delay,
 * bandwidth and health can be changed at any time.
 *
 * States: `up` → `cut()` → `cut` → `restore()` → `up`; `up` → `halfOpen()` → `half-open` → `restore()` → `up`.
 * Invariant: within a connection and direction bytes keep their order, and none is lost unless the connection is.
 * Keepalive and tcp_user_timeout cannot fire through it: the kernel on this side answers for the far one.
 */
export class Link extends EventEmitter<LinkEvents> {
  readonly #forwards = new Map<string, Forward>()
  readonly #toTarget = new Pacer()
  readonly #toClient = new Pacer()
  #conditions: LinkConditions = clearConditions

  get conditions(): LinkConditions {
    return this.#conditions
  }

  /** Adds a forward, or moves the one of that name, and returns where it listens. */
  async forward(name: string, target: Endpoint, listenPort?: number): Promise<Endpoint> {
    const known = this.#forwards.get(name)
    if (known !== undefined) {
      known.setTarget(target)
      return known.endpoint
    }
    const forward = new Forward({
      target,
      conditions: () => this.#conditions,
      toTarget: this.#toTarget,
      toClient: this.#toClient,
      emit: {
        open: () => this.emit('open', name),
        close: () => this.emit('close', name),
        refused: (reason) => this.emit('refused', name, reason),
        held: (bytes) => this.emit('held', name, bytes),
      },
    })
    this.#forwards.set(name, forward)
    try {
      await forward.listen(listenPort)
    } catch (error) {
      this.#forwards.delete(name)
      throw error
    }
    return forward.endpoint
  }

  /** Where a forward listens. */
  endpoint(name = 'default'): Endpoint {
    return this.#find(name).endpoint
  }

  /**
   * Points a forward elsewhere, as an address that moves does. Its connections are reset, because their far end
   * is gone with the address; `keepConnections` leaves them to the old target.
   */
  setTarget(name: string, target: Endpoint, options: { readonly keepConnections?: boolean } = {}): void {
    this.#find(name).setTarget(target, options)
  }

  /** Resets every connection, drops what is on its way, and turns new clients away. */
  cut(): void {
    // In this order: what is held must be dropped, not moved on by the change.
    this.#toTarget.clear()
    this.#toClient.clear()
    for (const forward of this.#forwards.values()) forward.resetAll()
    this.#change({ mode: 'cut' })
  }

  /** Takes connections and bytes from now on, and holds them with all that is on its way. */
  halfOpen(): void {
    this.#change({ mode: 'half-open' })
  }

  /** Carries traffic again; what was held is delivered in order. */
  restore(): void {
    this.#change({ mode: 'up' })
  }

  /** Sets the round trip's extra time, half of it each way, for what is sent from now on. */
  delay(roundTripMs: number): void {
    refuse(roundTripProblem(roundTripMs))
    this.#change({ roundTripMs })
  }

  /** Sets the bandwidth that all connections share in each direction; null for unlimited. */
  bandwidth(bytesPerSecond: number | null): void {
    refuse(bandwidthProblem(bytesPerSecond))
    this.#toTarget.setBandwidth(bytesPerSecond)
    this.#toClient.setBandwidth(bytesPerSecond)
    this.#change({ bytesPerSecond })
  }

  /** The conditions, and what each forward has carried. */
  state(): LinkState {
    const forwards = [...this.#forwards].map(([name, forward]) => [name, forward.state()] as const)
    return { ...this.#conditions, forwards: Object.fromEntries(forwards) }
  }

  /** Resets every connection and closes every port; returns when they are closed. */
  async stop(): Promise<void> {
    this.#toTarget.clear()
    this.#toClient.clear()
    await Promise.all([...this.#forwards.values()].map((forward) => forward.stop()))
    this.#forwards.clear()
  }

  #change(changes: Partial<LinkConditions>): void {
    this.#conditions = { ...this.#conditions, ...changes }
    this.emit('change', this.#conditions)
    for (const forward of this.#forwards.values()) forward.move()
  }

  #find(name: string): Forward {
    const forward = this.#forwards.get(name)
    if (forward === undefined) throw new LabError('link_input', `The link has no forward named "${name}".`)
    return forward
  }
}

/**
 * Starts a link.
 *
 * @example
 * const link = await startLink({ target: { host: '127.0.0.1', port: 5432 } })
 * link.delay(250)
 * connect(link.endpoint())
 */
export async function startLink(options: LinkOptions = {}): Promise<Link> {
  const link = new Link()
  const alone = options.target === undefined ? {} : { default: { ...options, target: options.target } }
  try {
    for (const [name, forward] of Object.entries({ ...alone, ...options.forwards })) {
      await link.forward(name, forward.target, forward.listenPort)
    }
  } catch (error) {
    await link.stop()
    throw error
  }
  return link
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new LabError('link_input', problem)
}
