import type { Journal } from '../journal/journal.ts'

/** A lineage of main, and where main stood when it began. */
export interface Lineage {
  readonly id: string
  readonly lsn: string
}

const fact = 'site_lineage'

/** The lineage of the main that the site was last in contact with (N4), also over a restart. */
export class KnownLineage {
  readonly #journal: Pick<Journal, 'getFact' | 'setFact'>
  #current: Lineage | undefined
  /** As it was last read: another process of the site may have met another main. */
  #text: string | undefined

  constructor(journal: Pick<Journal, 'getFact' | 'setFact'>) {
    this.#journal = journal
  }

  /** Undefined before first contact. */
  get current(): Lineage | undefined {
    const text = this.#journal.getFact(fact)
    if (text !== this.#text) {
      this.#text = text
      this.#current = text === undefined ? undefined : (JSON.parse(text) as Lineage)
    }
    return this.#current
  }

  /** In force at once; durable when it resolves. */
  async change(lineage: Lineage): Promise<void> {
    this.#current = lineage
    const text = JSON.stringify(lineage)
    await this.#journal.setFact(fact, text)
    this.#text = text
  }
}
