import { clearTimeout, setTimeout } from 'node:timers'

export interface LiveScreenOptions {
  readonly write: (text: string) => void
  /** A terminal's line is drawn over; elsewhere a line is added whenever it changed. */
  readonly isTerminal: boolean
  /** The line now, for a given width. */
  readonly render: (width: number) => Promise<string>
  readonly width: () => number
}

const eraseLine = '\r\u001b[2K'
const redrawMs = 500
const relogMs = 5_000

/**
 * Keeps one line of a terminal up to date. States: stopped → started → stopped. Invariant: at most one rendering
 * runs at a time, and none after `stop` has returned.
 */
export class LiveScreen {
  readonly #options: LiveScreenOptions
  #timer: NodeJS.Timeout | undefined
  #drawing: Promise<void> = Promise.resolve()
  #isStopped = false
  #line = ''

  constructor(options: LiveScreenOptions) {
    this.#options = options
  }

  start(): void {
    this.#schedule(0)
  }

  /** Writes lines that stay above the live one. */
  note(text: string): void {
    const { write, isTerminal } = this.#options
    write(isTerminal ? `${eraseLine}${text}\n${this.#line}` : `${text}\n`)
  }

  /** Ends the drawing and leaves the last line where it stands. Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#drawing
    if (this.#options.isTerminal && this.#line !== '') this.#options.write('\n')
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#drawing = this.#draw().then(() => this.#schedule(this.#options.isTerminal ? redrawMs : relogMs))
    }, delayMs)
  }

  async #draw(): Promise<void> {
    const { isTerminal, render, write, width } = this.#options
    const line = await render(width())
    if (this.#isStopped || line === this.#line) return
    this.#line = line
    write(isTerminal ? `${eraseLine}${line}` : `${line}\n`)
  }
}
