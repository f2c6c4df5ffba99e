import type { CommandContext } from '../command/context.ts'
import type { TransactionDocument, TransactionPage } from '../output/transactions.ts'
import { configurationSources } from './configuration-sources.ts'
import { configuredRedis, JournalSource, journalFolder } from './journal-source.ts'
import { callSite, type SiteAddress, siteAddress } from './site-client.ts'

export interface TransactionSourceOptions {
  readonly url?: string
  readonly token?: string
  readonly journal?: string
}

export interface TransactionFilter {
  readonly state?: string
  readonly limit: number
  readonly after?: number
}

/** Where `outpost tx` looks: a running site, or a journal folder. */
export interface TransactionSource {
  list(filter: TransactionFilter): Promise<TransactionPage>
  /** `main`: with what main has of the rows that a rejection is about. Error: `transaction_unknown`. */
  show(id: string, options?: { readonly main: boolean }): Promise<TransactionDocument>
}

export function openTransactionSource(
  options: TransactionSourceOptions,
  context: Pick<CommandContext, 'env' | 'cwd'>,
): TransactionSource {
  const { journal } = options
  if (journal === 'redis') return new JournalSource(configuredRedis(() => configurationSources(context)))
  if (journal !== undefined) return new JournalSource(journalFolder(journal))
  return new SiteSource(siteAddress(options, context.env))
}

class SiteSource implements TransactionSource {
  readonly #site: SiteAddress

  constructor(site: SiteAddress) {
    this.#site = site
  }

  async list(filter: TransactionFilter): Promise<TransactionPage> {
    const query = new URLSearchParams({ limit: String(filter.limit) })
    if (filter.state !== undefined) query.set('state', filter.state)
    if (filter.after !== undefined) query.set('after', String(filter.after))
    return (await callSite(this.#site, `/transactions?${query.toString()}`)) as TransactionPage
  }

  async show(id: string, { main } = { main: false }): Promise<TransactionDocument> {
    const path = `/transactions/${encodeURIComponent(id)}${main ? '?main=true' : ''}`
    return (await callSite(this.#site, path)) as TransactionDocument
  }
}
