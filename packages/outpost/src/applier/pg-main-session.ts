import type pg from 'pg'
import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import { ledgerMajor } from '../ledger/ledger-major.ts'
import { DatabaseClient, type DatabaseClientConfig } from '../postgres/database-client.ts'
import { sqlstateOf } from '../postgres/sqlstate.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import { readApplyAnswer, readHelloAnswer } from './apply-answer.ts'
import { callDeadlineMs, measured, unknownLink } from './call-deadline.ts'
import type {
  ApplyAnswer,
  ApplyCall,
  Beat,
  HelloAnswer,
  HelloRequest,
  Island,
  LedgerPlace,
  MainSession,
  OpenMainSession,
} from './main-session.ts'

export interface PgMainSessionOptions {
  readonly config: DatabaseClientConfig
  readonly clock: Clock
  /** Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Deadline of the small questions. Default 10,000; comparing the ledger gets twelve times as long. */
  readonly queryTimeoutMs?: number
}

type Row = Record<string, unknown>

/** Opens sessions on a real main, directly or through a transaction-mode pooler: it uses no named statements. */
export function pgMainSessions(options: PgMainSessionOptions): OpenMainSession {
  // Kept over reconnects: a link that was slow is still slow.
  const link = { current: unknownLink }
  return async (signal) => {
    const client = new DatabaseClient({ keepAlive: true, pipeline: true, ...options.config })
    const session = new PgMainSession(client, options, link)
    await session.connect(signal)
    return session
  }
}

/**
 * States: connecting → open → closed. Invariant: a statement that misses its deadline closes the connection, because
 * behind a half-open link neither an answer nor an error would ever come.
 */
class PgMainSession implements MainSession {
  readonly #client: pg.Client
  readonly #options: PgMainSessionOptions
  readonly #link: { current: typeof unknownLink }
  readonly #closing = new AbortController()
  /** What the CALLs under way may still take, together. */
  #owedMs = 0
  #answeredMs = Number.NEGATIVE_INFINITY

  constructor(client: pg.Client, options: PgMainSessionOptions, link: { current: typeof unknownLink }) {
    this.#client = client
    this.#options = options
    this.#link = link
    // A broken connection is reported by the statement under way, or by the next one.
    client.on('error', () => this.#closing.abort())
  }

  async connect(signal: AbortSignal): Promise<void> {
    const onAbort = () => void this.close()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#within(this.#options.connectTimeoutMs ?? 10_000, 'connecting', this.#client.connect())
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async hello(request: HelloRequest): Promise<HelloAnswer> {
    const { site, epoch, earlier, remembered } = request
    const [roundTripMs, answer] = await Promise.all([
      // Goes ahead on the same way: the greeting itself writes, and would be taken for a longer link.
      this.#roundTrip('greeting main'),
      this.#greet([site, epoch, earlier, remembered ?? null]),
    ])
    return answer.kind === 'welcome' ? { ...answer, roundTripMs } : answer
  }

  async #greet(values: readonly unknown[]): Promise<HelloAnswer> {
    try {
      const rows = await this.#query(
        'greeting main',
        `SELECT CASE outpost.ledger_major() WHEN ${ledgerMajor} THEN outpost.hello($1, $2, $3::uuid[], $4)
         ELSE jsonb_build_object('kind', 'ledger', 'major', outpost.ledger_major()) END AS answer`,
        values,
      )
      return readHelloAnswer(rows[0]!.answer)
    } catch (error) {
      // In another major version the greeting itself may have another form.
      const major = sqlstateOf(error) === '42883' ? await this.#ledgerMajor() : ledgerMajor
      if (major === ledgerMajor) throw error
      return { kind: 'ledger', major }
    }
  }

  async #ledgerMajor(): Promise<number> {
    const rows = await this.#query('asking for the ledger', 'SELECT outpost.ledger_major() AS major', [])
    return Number(rows[0]!.major)
  }

  async #roundTrip(step: string): Promise<number> {
    const sentMs = this.#options.clock.monotonicMs()
    await this.#query(step, 'SELECT', [])
    return this.#options.clock.monotonicMs() - sentMs
  }

  async apply(call: ApplyCall): Promise<ApplyAnswer> {
    const { isRedriven, streaks, number, after, schema } = call
    const payload = call.plan.payload({
      isRedriven,
      streaks,
      number,
      after,
      ...(schema && { schema: schema.version, schemaId: schema.id }),
    })
    const bytes = Buffer.byteLength(payload)
    const ownMs = callDeadlineMs(bytes, call.transactions.length, this.#link.current)
    const sentMs = this.#options.clock.monotonicMs()
    this.#owedMs += ownMs
    const rows = await this.#query(
      'applying transactions',
      'CALL outpost.apply($1, $2, $3, $4, $5, $6, $7, NULL)',
      [
        call.site,
        call.epoch,
        call.term,
        call.told?.epoch ?? null,
        call.told?.seq ?? null,
        call.lineage,
        payload,
      ],
      this.#owedMs,
    )
    this.#owedMs -= ownMs
    const nowMs = this.#options.clock.monotonicMs()
    const durationMs = nowMs - Math.max(sentMs, this.#answeredMs)
    this.#answeredMs = nowMs
    this.#link.current = measured(this.#link.current, bytes, call.transactions.length, durationMs)
    return readApplyAnswer(rows[0]!.p_result, call.plan.groups)
  }

  async islands(site: string, epochs: readonly Epoch[], from: Seq, to: Seq): Promise<readonly Island[]> {
    const rows = await this.#query(
      'comparing the ledger',
      'SELECT epoch, from_seq, to_seq FROM outpost.islands($1, $2::uuid[], $3, $4)',
      [site, epochs, from, to],
      12 * this.#queryTimeoutMs,
    )
    return rows.map((row) => ({
      epoch: String(row.epoch),
      from: Number(row.from_seq),
      to: Number(row.to_seq),
    }))
  }

  async idsInLedger(site: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#query(
      'looking for transactions in the ledger',
      'SELECT transaction_id FROM outpost.ledger WHERE site = $1 AND transaction_id = ANY ($2::uuid[])',
      [site, ids],
    )
    return new Set(rows.map((row) => String(row.transaction_id)))
  }

  async beat(site: string, lineage: string, told: LedgerPlace | undefined): Promise<Beat> {
    const rows = await this.#query(
      'asking main for its position',
      'SELECT at::text, lsn::text, timeline, is_current FROM outpost.beat($1, $2, $3, $4)',
      [site, lineage, told?.epoch ?? null, told?.seq ?? null],
    )
    const row = rows[0]!
    return { position: `${row.timeline}/${row.lsn}`, at: String(row.at), isCurrent: row.is_current === true }
  }

  async prune(
    site: string,
    epoch: Epoch,
    term: number,
    drops: readonly { readonly epoch: Epoch; readonly through: Seq }[],
  ): Promise<boolean> {
    const rows = await this.#query('pruning the ledger', 'SELECT outpost.prune($1, $2, $3, $4) AS is_done', [
      site,
      epoch,
      term,
      JSON.stringify(drops),
    ])
    return rows[0]!.is_done === true
  }

  async forgetAnswers(): Promise<boolean> {
    const rows = await this.#query('forgetting old answers', 'SELECT outpost.forget_answers() AS is_done', [])
    return rows[0]!.is_done === true
  }

  async releaseAttempts(): Promise<void> {
    await this.#query('releasing attempts', 'SELECT outpost.release_attempts()', [])
  }

  async close(): Promise<void> {
    this.#closing.abort()
    // Ending politely would wait for a peer that may be gone.
    const { stream } = this.#client as unknown as { stream?: { destroy(): void } }
    ;(
      this.#client as unknown as { connection?: { stream?: { destroy(): void } } }
    ).connection?.stream?.destroy()
    stream?.destroy()
  }

  get #queryTimeoutMs(): number {
    return this.#options.queryTimeoutMs ?? 10_000
  }

  /** `step` is what a person reads when no answer comes. */
  async #query(
    step: string,
    text: string,
    values: readonly unknown[],
    timeoutMs = this.#queryTimeoutMs,
  ): Promise<readonly Row[]> {
    const answer = await this.#within(timeoutMs, step, this.#client.query(text, [...values]))
    return answer.rows as readonly Row[]
  }

  /** Waits for the work, the deadline or the closing of the session, whichever comes first. */
  async #within<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
    const done = new AbortController()
    const giveUp = AbortSignal.any([done.signal, this.#closing.signal])
    const deadline = this.#options.clock.sleep(timeoutMs, giveUp).then(() => {
      if (done.signal.aborted) return undefined
      const reason = this.#closing.signal.aborted
        ? 'the connection was closed'
        : `no answer within ${timeoutMs} ms`
      throw new OutpostError('main_unreachable', `Main: ${reason} (${what}).`)
    })
    // Whichever loses the race may still fail later; that is no news.
    deadline.catch(() => undefined)
    work.catch(() => undefined)
    try {
      return (await Promise.race([work, deadline])) as T
    } catch (error) {
      if (error instanceof OutpostError) await this.close()
      throw error
    } finally {
      done.abort()
    }
  }
}
