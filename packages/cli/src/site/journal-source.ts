import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfigurationSources, loadConfiguration, siteOptionsOf } from '@outpost/ops-db-api/setup'
import { isOutpostError, OutpostError, type TransactionState, transactionStates } from 'outpost'
import { transactionDocument } from 'outpost/fastify'
import type { JournalReader } from 'outpost/site'
import type { TransactionDocument, TransactionPage } from '../output/transactions.ts'
import type { TransactionFilter, TransactionSource } from './transaction-source.ts'

/** Where a journal is, and how it is opened to be asked. */
export interface JournalPlace {
  /** As messages name it. */
  readonly name: string
  open(): Promise<JournalReader>
}

/** A journal, read as it is at this moment and never written to; a site may have it open. */
export class JournalSource implements TransactionSource {
  readonly #place: JournalPlace

  constructor(place: JournalPlace) {
    this.#place = place
  }

  list(filter: TransactionFilter): Promise<TransactionPage> {
    return this.#read(async (journal) => {
      const after = filter.after ?? 0
      const seqs = seqsOf(journal, { ...filter, after })
      const items = (await journal.getMany(seqs)).map((record) => describe(journal, record))
      return { items, next_after: items.length < filter.limit ? null : (items.at(-1)?.seq ?? null) }
    })
  }

  show(id: string, { main } = { main: false }): Promise<TransactionDocument> {
    if (main)
      throw new OutpostError('usage_invalid', 'A journal knows nothing of main.', {
        hint: 'Leave --journal out: --main asks the site, which asks main.',
      })
    return this.#read(async (journal) => {
      const record = await journal.findById(id.toLowerCase())
      if (!record) {
        throw new OutpostError(
          'transaction_unknown',
          `The journal in ${this.#place.name} has no transaction ${id}.`,
        )
      }
      return { ...describe(journal, record), operations: record.operations }
    })
  }

  async #read<Answer>(ask: (journal: JournalReader) => Promise<Answer>): Promise<Answer> {
    const journal = await this.#place.open()
    try {
      return await ask(journal)
    } finally {
      await journal.stop()
    }
  }
}

/** A journal folder of LMDB. */
export function journalFolder(path: string): JournalPlace {
  return {
    name: path,
    open: async () => {
      // Loaded here, because only this needs LMDB.
      const { readLmdbJournal } = await import('outpost/site')
      // A site keeps the records in a folder of its own below JOURNAL_PATH.
      const below = join(path, 'lmdb')
      return await readLmdbJournal(existsSync(below) ? below : path).catch((error: unknown) => {
        throw noJournal(error)
      })
    },
  }
}

/** The journal in Redis of the site whose settings are found; with a fallback, its copy on this machine. */
export function configuredRedis(sources: () => Promise<ConfigurationSources>): JournalPlace {
  return {
    name: 'Redis',
    open: async () => {
      const configuration = loadConfiguration(await sources())
      const { name: site, redis, journalPath, journalFallback } = siteOptionsOf(configuration)
      if (redis === undefined) {
        throw new OutpostError('usage_invalid', 'This site keeps its journal in no Redis.', {
          hint: 'Give --journal the folder that it has as JOURNAL_PATH.',
        })
      }
      const { readRedisJournal } = await import('outpost/journal-redis')
      const copy = journalFallback === 'lmdb' ? { fallbackPath: join(journalPath, 'fallback') } : {}
      return await readRedisJournal({ ...redis, ...copy, site })
    },
  }
}

/** The folder came from the command line, not from the settings. */
function noJournal(error: unknown): unknown {
  if (!isOutpostError(error, 'config_invalid')) return error
  const hint = isDenial(error)
    ? `--journal names a folder that this user may not use. ${error.hint}`
    : 'Give --journal the folder that the site has as JOURNAL_PATH.'
  return new OutpostError(error.code, error.message, { hint, cause: error })
}

function isDenial({ cause }: OutpostError): boolean {
  return ['EACCES', 'EPERM'].includes(String((cause as NodeJS.ErrnoException | undefined)?.code))
}

type JournalRecord = Awaited<ReturnType<JournalReader['getMany']>>[number]

function describe(journal: JournalReader, record: JournalRecord): TransactionDocument {
  // The same document as the site answers, so that a script need not care where it came from.
  return transactionDocument({ record, status: journal.status(record.seq) }) as unknown as TransactionDocument
}

function seqsOf(
  journal: JournalReader,
  filter: TransactionFilter & { readonly after: number },
): readonly number[] {
  const state = transactionStates.find((known): known is TransactionState => known === filter.state)
  if (state) return journal.seqsIn(state, { after: filter.after, limit: filter.limit })
  const first = Math.max(journal.firstSeq, filter.after + 1)
  const count = Math.max(0, Math.min(filter.limit, journal.lastSeq - first + 1))
  return Array.from({ length: count }, (_, index) => first + index)
}
