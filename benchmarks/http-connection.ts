import { connect, type Socket } from 'node:net'

export interface HttpConnectionOptions {
  readonly host: string
  readonly port: number
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

interface Waiter {
  resolve(answer: HttpAnswer): void
  reject(error: Error): void
}

const headEnd = Buffer.from('\r\n\r\n')

/**
 * One kept-alive HTTP/1.1 connection with one request at a time. It knows just what the benchmarks' servers answer
 * (a Content-Length, no chunks), because a general client would cost more of the machine than what is measured.
 */
export class HttpConnection {
  readonly #socket: Socket
  readonly #common: string
  #waiter: Waiter | undefined
  #received: Buffer = Buffer.alloc(0)

  constructor({ host, port, headers = {} }: HttpConnectionOptions) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#common = `Host: ${host}:${port}\r\n${lines.join('')}`
    this.#socket = connect({ host, port, noDelay: true })
    this.#socket.on('data', (data) => this.#take(data))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('The server closed the connection.')))
  }

  get isFree(): boolean {
    return this.#waiter === undefined
  }

  request(
    method: string,
    path: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer> {
    if (this.#waiter !== undefined) return Promise.reject(new Error('A request is under way.'))
    const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const length =
      body === undefined
        ? ''
        : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#socket.write(
        `${method} ${path} HTTP/1.1\r\n${this.#common}${own.join('')}${length}\r\n${body ?? ''}`,
      )
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    const end = this.#received.indexOf(headEnd)
    if (end === -1) return
    const head = this.#received.toString('latin1', 0, end)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    const bodyFrom = end + headEnd.length
    if (this.#received.length < bodyFrom + length) return
    const body = this.#received.toString('utf8', bodyFrom, bodyFrom + length)
    this.#received = this.#received.subarray(bodyFrom + length)
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.resolve({ status: Number(head.slice(9, 12)), body })
  }

  #fail(error: Error): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.reject(error)
  }
}
