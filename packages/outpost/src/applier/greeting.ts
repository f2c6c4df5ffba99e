import type { Journal } from '../journal/journal.ts'
import type { HelloAnswer, HelloRequest, MainSession } from './main-session.ts'

type Stranger = Extract<HelloAnswer, { readonly kind: 'stranger' }>

const lineageFact = 'lineage'

/**
 * Says hello to main with the lineage that the site remembers (N4). Invariant: the operator's acceptance holds for the
 * server that was refused, and for one attempt.
 */
export class Greeting {
  readonly #site: string
  readonly #journal: Journal
  #refused: { readonly main: Stranger; readonly isAccepted: boolean } | undefined

  constructor(site: string, journal: Journal) {
    this.#site = site
    this.#journal = journal
  }

  async hello(session: MainSession): Promise<HelloAnswer> {
    const request: HelloRequest = {
      site: this.#site,
      epoch: this.#journal.epoch,
      earlier: this.#journal.epochs
        .map(({ epoch }) => epoch)
        .filter((epoch) => epoch !== this.#journal.epoch)
        .slice(-100),
      remembered: this.#journal.getFact(lineageFact),
    }
    const answer = await session.hello(request)
    if (answer.kind === 'recovery') return answer
    const refused = this.#refused
    this.#refused = undefined
    if (answer.kind !== 'stranger') return answer
    if (refused?.isAccepted !== true || !isSameServer(answer, refused.main)) return this.#refuse(answer)
    const accepted = await session.hello({ ...request, remembered: undefined })
    // This life of the journal had ended there: the attempt is not over before a new one was offered.
    if (accepted.kind === 'fenced') this.#refused = refused
    return accepted.kind === 'stranger' ? this.#refuse(accepted) : accepted
  }

  /** The operator's word for the main that was refused last; false when none was. */
  accept(): boolean {
    if (this.#refused === undefined) return false
    this.#refused = { main: this.#refused.main, isAccepted: true }
    return true
  }

  /** The lineage that the site wrote to last. */
  get remembered(): string | undefined {
    return this.#journal.getFact(lineageFact)
  }

  async remember(lineage: string): Promise<void> {
    await this.#journal.setFact(lineageFact, lineage)
  }

  #refuse(main: Stranger): Stranger {
    this.#refused = { main, isAccepted: false }
    return main
  }
}

function isSameServer(one: Stranger, other: Stranger): boolean {
  return one.system === other.system && one.timeline === other.timeline
}
