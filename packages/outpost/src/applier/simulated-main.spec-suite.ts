import type { WireBatch } from '../ledger/batch-plan.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import type {
  ApplyAnswer,
  ApplyCall,
  HelloAnswer,
  HelloRequest,
  Island,
  LedgerPlace,
  MainSession,
  OutcomeRun,
} from './main-session.ts'
import { type Arrived, arrived } from './simulated-wire.spec-suite.ts'

/** One commit on main, in the order of its log. */
type Entry =
  | { readonly kind: 'lineage'; readonly id: string }
  | { readonly kind: 'site'; readonly epoch: Epoch; readonly term: number; readonly ended: readonly Epoch[] }
  | { readonly kind: 'redriven'; readonly lineage: string }
  | { readonly kind: 'call'; readonly term: number; readonly number: number; readonly isWhole: boolean }
  | {
      readonly kind: 'ledger'
      readonly epoch: Epoch
      readonly seq: Seq
      readonly id: string
      readonly outcome: 'applied' | 'rejected'
      readonly lineage: string
      /** Keys written, empty for a rejection. */
      readonly keys: readonly string[]
    }

type LedgerEntry = Extract<Entry, { readonly kind: 'ledger' }>

/** What the simulation may do to main; each is asked at the moment it could happen. */
export interface Faults {
  /** Milliseconds that a message takes, or undefined when the link is down. */
  latencyMs(): number | undefined
  /** After a group was committed: does main crash here? */
  crashesHere(): boolean
  /** The CALL has run to its end: is the answer lost? */
  losesAnswer(): boolean
  sleep(ms: number): Promise<void>
}

const unreachable = (what: string): Error => Object.assign(new Error(what), { code: 'ECONNRESET' })

/**
 * Main as the apply procedure makes it: a log of commits of which only a prefix is durable. Everything that it knows
 * is folded from the log, so that a crash or a failover is a shorter log and nothing else.
 */
export class SimulatedMain {
  log: Entry[] = []
  durable = 0
  #lineages = 0

  constructor(readonlyLog: readonly Entry[] = []) {
    this.log = [...readonlyLog]
    this.durable = this.log.length
  }

  /** A standby that has received the first `length` commits is promoted. */
  promote(length: number, name: string): void {
    this.log = this.log.slice(0, length)
    this.durable = this.log.length
    this.#pendingLineage = `${name}-${this.#lineages++}`
  }

  #pendingLineage: string | undefined = 'first'

  crash(keep: number): void {
    this.log = this.log.slice(0, Math.max(this.durable, keep))
    this.durable = this.log.length
  }

  ledger(): readonly LedgerEntry[] {
    return this.log.filter((entry) => entry.kind === 'ledger')
  }

  get lineage(): string {
    return this.#pendingLineage ?? this.chain.at(-1)!
  }

  get chain(): readonly string[] {
    return this.log.flatMap((entry) => (entry.kind === 'lineage' ? [entry.id] : []))
  }

  hello(request: HelloRequest): HelloAnswer {
    if (request.remembered !== undefined && !this.chain.includes(request.remembered)) {
      return { kind: 'stranger', system: '1', timeline: 1 }
    }
    const site = this.#site()
    if (site.ended.has(request.epoch)) return { kind: 'fenced' }
    if (this.#pendingLineage !== undefined) {
      this.log.push({ kind: 'lineage', id: this.#pendingLineage })
      this.#pendingLineage = undefined
    }
    const ended = [
      ...new Set([...request.earlier, ...(site.epoch === undefined ? [] : [site.epoch])]),
    ].filter((epoch) => epoch !== request.epoch)
    this.log.push({ kind: 'site', epoch: request.epoch, term: site.term + 1, ended })
    this.durable = this.log.length
    return {
      kind: 'welcome',
      term: site.term + 1,
      lineage: this.lineage,
      lineageLsn: '0/0',
      chain: this.chain,
      system: '1',
      timeline: this.chain.length,
      position: `1/0/${this.log.length.toString(16)}`,
      isRedriven: this.#isRedriven(),
    }
  }

  isCurrent(lineage: string, told: LedgerPlace | undefined): boolean {
    return (
      this.lineage === lineage &&
      this.#pendingLineage === undefined &&
      (told === undefined || this.#has(told))
    )
  }

  #has(place: LedgerPlace): boolean {
    return this.ledger().some(({ epoch, seq }) => epoch === place.epoch && seq === place.seq)
  }

  async apply(call: ApplyCall, faults: Faults): Promise<ApplyAnswer> {
    const wire = JSON.parse(call.plan.payload({})) as WireBatch
    if (this.lineage !== call.lineage || this.#pendingLineage !== undefined) return { kind: 'lineage' }
    const { told } = call
    if (told !== undefined && !this.#has(told)) return { kind: 'gap' }
    if (call.after !== undefined && !this.#wasWhole(call.term, call.after)) return { kind: 'early' }
    // There is one site, and no site waits for itself.
    const isPaused = false
    const outcomes: OutcomeRun[] = []
    const failed = new Set<Seq>()
    for (const group of wire.groups) {
      const { epoch, term } = this.#site()
      if (epoch !== call.epoch || term !== call.term) return { kind: 'fenced' }
      for (const transaction of arrived(wire, group)) {
        const outcome = this.#applyOne(transaction, call.lineage, failed, isPaused)
        if (outcome.outcome !== 'applied') failed.add(transaction.seq)
        outcomes.push(outcome)
      }
      if (faults.crashesHere()) throw unreachable('main crashed')
    }
    const { epoch, term } = this.#site()
    if (epoch !== call.epoch || term !== call.term) return { kind: 'fenced' }
    this.log.push({ kind: 'call', term, number: call.number, isWhole: failed.size === 0 })
    if (call.isRedriven) this.log.push({ kind: 'redriven', lineage: this.lineage })
    this.durable = this.log.length
    return {
      kind: 'done',
      outcomes,
      streaks: [],
      position: `1/0/${this.log.length.toString(16)}`,
      system: '1',
      timeline: 1,
      lineage: this.lineage,
      pausedBy: [],
    }
  }

  islands(epochs: readonly Epoch[], from: Seq, to: Seq): readonly Island[] {
    return this.ledger()
      .filter((row) => epochs.includes(row.epoch) && row.seq >= from && row.seq <= to)
      .map(({ epoch, seq }) => ({ epoch, from: seq, to: seq }))
  }

  #applyOne(transaction: Arrived, lineage: string, failed: ReadonlySet<Seq>, isPaused: boolean): OutcomeRun {
    const seqs = [transaction.seq]
    if (transaction.dependsOn.some((seq) => failed.has(seq))) return { seqs, outcome: 'parked' }
    const known = this.ledger().find(({ id }) => id === transaction.id)
    if (known !== undefined) return { seqs, outcome: known.outcome, lineage: known.lineage }
    const { epoch, seq, id } = transaction
    const [row] = transaction.rows
    const needs = row?.needs
    if (
      needs &&
      !this.ledger().some(({ keys }) => keys.includes(needs)) &&
      (isPaused || !transaction.isLastAttempt)
    ) {
      return { seqs, outcome: 'waiting', sqlstate: '23503' }
    }
    const isPoison = row?.poison === 'yes'
    const outcome =
      isPoison || (needs && !this.ledger().some(({ keys }) => keys.includes(needs))) ? 'rejected' : 'applied'
    const keys = outcome === 'applied' ? transaction.rows.map(({ key }) => key!) : []
    this.log.push({ kind: 'ledger', epoch, seq, id, outcome, lineage, keys })
    return { seqs, outcome, lineage, ...(outcome === 'rejected' ? { sqlstate: '23514' } : {}) }
  }

  #site(): { readonly epoch: Epoch | undefined; readonly term: number; readonly ended: ReadonlySet<Epoch> } {
    const rows = this.log.filter((entry) => entry.kind === 'site')
    const last = rows.at(-1)
    return { epoch: last?.epoch, term: last?.term ?? 0, ended: new Set(rows.flatMap((row) => row.ended)) }
  }

  #wasWhole(term: number, number: number): boolean {
    const last = this.log.findLast((entry) => entry.kind === 'call' || entry.kind === 'site')
    return last?.kind === 'call' && last.term === term && last.number === number && last.isWhole
  }

  #isRedriven(): boolean {
    return this.log.some((entry) => entry.kind === 'redriven' && entry.lineage === this.lineage)
  }
}

/** A session over a link with faults. `main` is asked anew each time, as behind a pooler that hides a failover. */
export function simulatedSession(main: () => SimulatedMain, faults: Faults): MainSession {
  let arriving: Promise<unknown> = Promise.resolve()
  let answering: Promise<unknown> = Promise.resolve()
  let isBroken = false
  /** A connection keeps the order in both directions, and nothing comes through behind what broke it. */
  const inOrder = async <T>(before: Promise<unknown>, work: () => T | Promise<T>): Promise<T> => {
    await before.catch(() => undefined)
    if (isBroken) throw unreachable('connection lost')
    return await work()
  }
  const lost = (what: string): Error => {
    isBroken = true
    return unreachable(what)
  }
  const cross = async <T>(work: () => T | Promise<T>): Promise<T> => {
    const latencyMs = faults.latencyMs()
    if (latencyMs === undefined) {
      await faults.sleep(5_000)
      throw lost('no answer')
    }
    const onWay = faults.sleep(latencyMs / 2)
    const arrived = inOrder(Promise.allSettled([arriving, onWay]), work)
    arriving = arrived
    const back = arrived.then(() => faults.sleep(latencyMs / 2))
    const answered = inOrder(Promise.allSettled([answering, back]), async () => {
      await back
      if (faults.losesAnswer()) throw lost('answer lost')
      return await arrived
    })
    answering = answered
    return await answered
  }
  return {
    hello: (request) => cross(() => main().hello(request)),
    apply: (call) => cross(() => main().apply(call, faults)),
    islands: (_site, epochs, from, to) => cross(() => main().islands(epochs, from, to)),
    idsInLedger: (_site, ids) =>
      cross(
        () =>
          new Set(
            main()
              .ledger()
              .map(({ id }) => id)
              .filter((id) => ids.includes(id)),
          ),
      ),
    beat: (_site, lineage, told) =>
      cross(() => ({ position: '1/0/0', at: '', isCurrent: main().isCurrent(lineage, told) })),
    prune: () => cross(() => true),
    forgetAnswers: () => cross(() => true),
    releaseAttempts: () => cross(() => undefined),
    close: async () => undefined,
  }
}
