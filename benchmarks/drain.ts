import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { waitFor } from '@outpost/lab'
import { fillJournal } from './backlog.ts'
import { startService } from './service.ts'
import { nextContact, type Stage } from './stage.ts'

export interface DrainOptions {
  /** Site and folder name; each drain has a journal of its own. */
  readonly site: string
  readonly transactions: number
  readonly roundTripMs: number
  /** Settings of the service beside those that every site has. */
  readonly environment?: Readonly<Record<string, string>>
  readonly onProgress: (text: string) => void
}

export interface Drained {
  readonly transactions: number
  readonly rows: number
  readonly seconds: number
}

const filesPerTransaction = 2

/**
 * Fills a journal while the link is cut, starts the service on it with the link as asked, and measures from the
 * site's first connection over the link until main has every transaction.
 */
export async function drain(stage: Stage, options: DrainOptions): Promise<Drained> {
  const { site, transactions, roundTripMs, onProgress } = options
  const folder = join(stage.folder, site)
  await mkdir(folder, { recursive: true })
  stage.link.cut()
  onProgress(`filling a journal with ${transactions} transactions of ${filesPerTransaction} operations`)
  const filled = await fillJournal(stage, { site, folder, transactions, filesPerTransaction, onProgress })
  stage.link.restore()
  stage.link.delay(roundTripMs)
  const contact = nextContact(stage)
  const service = await startService(stage, { name: site, folder, environment: options.environment ?? {} })
  try {
    const startedMs = await contact
    await untilApplied(stage, site, filled.transactions)
    const seconds = (performance.now() - startedMs) / 1000
    await assertAllApplied(stage, site, filled.transactions)
    onProgress(
      `${filled.transactions} transactions in ${seconds.toFixed(2)} s at ${roundTripMs} ms round trip`,
    )
    return { transactions: filled.transactions, rows: transactions * filesPerTransaction, seconds }
  } finally {
    await service.stop()
    process.stderr.write((await import('node:fs')).readFileSync(join(folder, 'site.log'), 'utf8'))
    stage.link.delay(0)
  }
}

/** Looks at the newest ledger row alone, because counting would take from the machine what is measured. */
async function untilApplied(stage: Stage, site: string, count: number): Promise<void> {
  const newest = async () => {
    const { rows } = await stage.onMain.query<{ seq: string | null }>(
      'SELECT max(seq) AS seq FROM outpost.ledger WHERE site = $1',
      [site],
    )
    return Number(rows[0]?.seq ?? 0)
  }
  await waitFor(async () => (await newest()) >= count, {
    what: `${count} transactions on main`,
    deadlineMs: 600_000,
    everyMs: 20,
  })
}

/** A drain that loses or rejects something is no drain. */
async function assertAllApplied(stage: Stage, site: string, count: number): Promise<void> {
  const { rows } = await stage.onMain.query<{ applied: string }>(
    `SELECT count(*) FILTER (WHERE outcome = 'applied') AS applied FROM outpost.ledger WHERE site = $1`,
    [site],
  )
  const applied = Number(rows[0]?.applied)
  if (applied !== count) throw new Error(`Main applied ${applied} of ${count} transactions.`)
}
