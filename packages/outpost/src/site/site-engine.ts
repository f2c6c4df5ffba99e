import type { PoolClient } from 'pg'
import type { Applier } from '../applier/applier.ts'
import type { ApplierAlarm, ApplierState, LineageNews } from '../applier/applier-options.ts'
import { Confirmer, type ReplicaState } from '../applier/confirmer.ts'
import { Retainer } from '../applier/retainer.ts'
import { EffectRunner } from '../effects/effect-runner.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import { MainKeys } from '../keys/main-keys.ts'
import { ReservedKeys } from '../keys/reserved-keys.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'
import { CatalogRepair } from './catalog-repair.ts'
import { inCommitOrder, newestConfirmed } from './confirmed-order.ts'
import { DecidedLetters } from './dead-letters/decided-letters.ts'
import { FoldedStatuses } from './folded-statuses.ts'
import { KnownLineage } from './known-lineage.ts'
import { Leadership } from './leadership.ts'
import { MainLook } from './main-look.ts'
import { MergedReads } from './merged-reads.ts'
import { OwnChanges } from './own-changes.ts'
import { PromotableStandbys } from './promotable.ts'
import { PutBack } from './put-back.ts'
import { ReplicaLag } from './replica-lag.ts'
import { siteApplier } from './site-applier.ts'
import { SiteChores } from './site-chores.ts'
import { SiteEvents } from './site-events.ts'
import { SiteFacts } from './site-facts.ts'
import type { SiteParts } from './site-parts.ts'
import { confirmIntervalMs } from './site-settings.ts'
import { StateWaiters } from './state-waiters.ts'
import { StatusNews } from './status-news.ts'

const replicaQueryTimeoutMs = 2_000
const mainQueryTimeoutMs = 15_000

/**
 * What moves in a site: applier, confirmer, retainer and chores, and what each tells the others.
 * States: made → `start()` → running → `stop()` → stopped.
 *
 * Invariant: what is in the journal is in the overlay until the replica was seen to show it.
 */
export class SiteEngine {
  readonly events = new SiteEvents()
  readonly facts: SiteFacts
  readonly waiters: StateWaiters
  readonly reads: MergedReads
  readonly ownChanges: OwnChanges
  readonly lag: ReplicaLag
  /** Undefined where nothing is to happen outside the database. */
  readonly effects: EffectRunner | undefined
  readonly deadLetters: DecidedLetters
  readonly standbys: PromotableStandbys
  readonly keys: ReservedKeys
  readonly #parts: SiteParts
  readonly #lineage: KnownLineage
  readonly #news: StatusNews
  readonly #putBack: PutBack
  readonly #confirmer: Confirmer
  readonly #retainer: Retainer
  readonly #chores: SiteChores
  readonly #leadership: Leadership
  readonly #folded: FoldedStatuses
  readonly #mainLook: MainLook
  #applier: Applier

  constructor(parts: SiteParts) {
    const { clock, journal } = parts
    this.#parts = parts
    this.ownChanges = new OwnChanges({
      journal,
      clock,
      catalog: () => parts.catalog.current,
      onAlarm: (alarm) => this.#alarm(alarm),
    })
    this.lag = new ReplicaLag({
      siteName: parts.settings.name,
      clock,
      query: (sql, values) => this.askReplica(sql, values),
      hasPosition: parts.settings.lsnTracking,
    })
    this.standbys = new PromotableStandbys({ ...parts, standbys: parts.settings.promotableStandbys })
    this.facts = new SiteFacts(clock, parts.settings.idleIntervalMs)
    this.waiters = new StateWaiters((seq) => journal.status(seq))
    this.#lineage = new KnownLineage(journal)
    this.keys = new ReservedKeys({
      journal,
      clock,
      main: new MainKeys(parts.main, parts.settings.name),
      lineage: () => this.#lineage.current?.id,
      standbys: this.standbys,
    })
    this.#news = new StatusNews({
      journal,
      clock,
      events: this.events,
      waiters: this.waiters,
      onAlarm: (alarm) => this.#alarm(alarm),
    })
    this.effects = this.#makeEffects()
    this.#applier = this.#makeApplier()
    this.deadLetters = new DecidedLetters({
      ...parts,
      takeOver: (decided, by) => this.#applier.takeOver(decided, by),
      onStatus: (changes) => this.#news.changed(changes),
      onAlarm: (alarm) => this.#alarm(alarm),
    })
    this.#putBack = this.#makePutBack()
    this.reads = this.#makeReads()
    this.#confirmer = this.#makeConfirmer()
    this.#retainer = this.#makeRetainer()
    this.#chores = new SiteChores({
      ...parts,
      putBack: this.#putBack,
      standbys: this.standbys,
      keys: this.keys,
      newestStamp: async () => {
        const [row] = await this.askReplica('SELECT outpost.newest_clock()::text AS stamp', [])
        return row?.stamp === null ? undefined : String(row?.stamp)
      },
    })
    this.#leadership = this.#makeLeadership()
    this.#folded = this.#makeFolded()
    this.#mainLook = this.#makeMainLook()
  }

  /** Nothing here waits for a database. */
  async start(): Promise<void> {
    const { journal, overlay, dependencies, cones, keptClock } = this.#parts
    // Only what was held is proven when it leaves, so it is held for a moment.
    const taken = newestConfirmed(journal)
    overlay.fold(await journal.getMany(taken))
    overlay.takeOut(inCommitOrder(taken, journal))
    for (const record of this.#parts.recoveredDecisions) await this.deadLetters.recovered(record)
    this.deadLetters.noteParked()
    journal.onDurable((records) => {
      this.deadLetters.fold(records)
      keptClock.fold(records)
      for (const record of records) {
        dependencies.add(record)
        cones.add(record)
      }
      this.ownChanges.add(records)
      this.#applier.wake()
      this.#news.appended(records)
    })
    journal.sharing?.onStatus((changes) => this.#folded.take(changes))
    await this.effects?.start()
    this.ownChanges.start()
    this.#confirmer.start()
    this.#chores.start()
    this.#leadership.start()
    if (journal.sharing) this.#mainLook.start()
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.ownChanges.stop(),
      this.#leadership.stop(),
      this.#confirmer.stop(),
      this.#chores.stop(),
      this.effects?.stop(),
      this.#mainLook.stop(),
    ])
    await this.#news.stop()
  }

  /** What drains the journal while this process leads; a new one each time it comes to lead. */
  get applier(): Applier {
    return this.#applier
  }

  /** As the applier's own or, while another process of the site drains the journal, waiting. */
  get applierState(): ApplierState {
    const isLeading = this.#leadership.isLeading || this.#applier.state.kind !== 'stopped'
    return isLeading ? this.#applier.state : { kind: 'waiting', reason: 'another process of the site leads' }
  }

  /** Whether main has answered a moment ago: the applier or, where main is what the site reads on, a look at it. */
  get isMainConnected(): boolean {
    const readsMain = this.#parts.replica === undefined
    return (
      this.facts.isMainConnected(this.applierState) && !(readsMain && this.facts.replica === 'unreachable')
    )
  }

  /** Of the main that the site was last in contact with (N4); undefined before first contact. */
  get lineage(): string | undefined {
    return this.#lineage.current?.id
  }

  /** One statement where the site reads, within a deadline of its own. */
  askReplica(sql: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    const work = async (client: PoolClient) => (await client.query(sql, [...values])).rows
    return this.#parts.watch.run(replicaQueryTimeoutMs, work, { insists: true })
  }

  /** Error: `release_refused` while the replica confirms by itself. */
  async releaseUnconfirmed(): Promise<number> {
    const { replica, main } = this.#parts
    if (!replica || this.#confirmer.state === 'connected' || this.#confirmer.state === undefined) {
      throw new OutpostError('release_refused', 'The replica of this site answers and confirms by itself.')
    }
    return await this.#confirmer.release((sql, values) =>
      main.run(mainQueryTimeoutMs, async (client) => (await client.query(sql, [...values])).rows),
    )
  }

  #makeApplier(): Applier {
    const { main, sent } = this.#parts
    return siteApplier(this.#parts, {
      onSend: (newest) => sent.note(newest),
      onStatus: (changes) => {
        this.deadLetters.noteChanged(changes)
        this.#news.changed(changes)
        this.#confirmer.wake()
        this.effects?.wake()
      },
      onRedrive: (records) => this.#putInLine(records),
      onLineage: (news) => this.#lineageSeen(news),
      onLink: (state, reason) => {
        this.facts.linkChanged(state, reason)
        if (state === 'connected') main.noteReachable()
        else main.noteUnreachable()
        this.events.emit({ kind: 'link', main: state, ...(reason && { reason }) })
      },
      // One that no longer leads is told so by main, which is as it should be.
      onAlarm: (alarm) => this.#leadership.isLeading && this.#alarm(alarm),
      onBatch: (batch) => this.facts.batchFinished(batch),
      onRefusal: () => this.facts.mainAnswered(),
      onPosition: (position) => this.facts.mainAnswered(position),
    })
  }

  #makeEffects(): EffectRunner | undefined {
    const { journal, clock, settings } = this.#parts
    if (!settings.onApplied) return undefined
    return new EffectRunner({
      journal,
      clock,
      effect: settings.onApplied,
      onAlarm: (alarm) => this.#alarm(alarm),
    })
  }

  #makePutBack(): PutBack {
    const { settings, journal, overlay } = this.#parts
    return new PutBack({ siteName: settings.name, journal, overlay, ...this.#ledgerView() })
  }

  #makeReads(): MergedReads {
    const { settings, journal, overlay, main, replica, standby, catalog, clock } = this.#parts
    return new MergedReads({
      siteName: settings.name,
      journal,
      overlay,
      main,
      replica,
      standby,
      ...this.#ledgerView(),
      putBack: () => this.#putBack.all(),
      repair: new CatalogRepair(catalog, clock),
      onUncovered: () => this.#confirmer.wake(),
    })
  }

  #makeConfirmer(): Confirmer {
    const { settings, journal, clock } = this.#parts
    const { query } = this.#ledgerView()
    return new Confirmer({
      site: settings.name,
      journal,
      clock,
      query,
      lineage: () => this.#lineage.current,
      isLeading: () => this.#leadership.isLeading,
      intervalMs: confirmIntervalMs(settings),
      onConfirming: () => this.#parts.keptClock.keep(),
      onConfirmed: (seqs, changes) => {
        this.#putBack.confirmed(inCommitOrder(seqs, journal))
        this.#news.changed(changes)
      },
      onReplica: (state) => this.#replicaSeen(state),
    })
  }

  #makeRetainer(): Retainer {
    const { settings, journal, clock } = this.#parts
    return new Retainer({
      journal,
      clock,
      retentionMs: settings.journalRetentionMs,
      ...(settings.journalRetentionBytes !== undefined && { retentionBytes: settings.journalRetentionBytes }),
      neededFrom: () => this.effects?.oldestNeeded,
      lineage: () => this.#lineage.current?.id,
      promotable: () => this.standbys.positions(),
      onStatus: (changes) => this.#news.changed(changes),
      onAlarm: (alarm) => this.#alarm(alarm),
    })
  }

  #makeLeadership(): Leadership {
    const { journal, clock } = this.#parts
    return new Leadership({
      journal,
      clock,
      begin: () => {
        // What an earlier one remembers is what was so when this process led last.
        if (journal.sharing) {
          this.#applier = this.#makeApplier()
          this.deadLetters.takeLead()
        }
        this.#applier.start()
        this.#retainer.start()
        this.#confirmer.wake()
      },
      end: async () => {
        await Promise.all([this.#applier.stop(), this.#retainer.stop()])
      },
      onAlarm: (alarm) => this.#alarm(alarm),
    })
  }

  #makeFolded(): FoldedStatuses {
    const { journal } = this.#parts
    return new FoldedStatuses({
      journal,
      onLost: (records) => this.#putInLine(records),
      onConfirmed: (seqs) => this.#putBack.confirmed(seqs),
      onStatus: (changes) => {
        this.deadLetters.noteChanged(changes)
        this.#news.changed(changes)
      },
    })
  }

  #makeMainLook(): MainLook {
    const { main, clock, settings } = this.#parts
    return new MainLook({
      main,
      clock,
      intervalMs: settings.idleIntervalMs,
      isWanted: () => !this.#leadership.isLeading,
      onAnswer: () => {
        this.facts.linkChanged('connected')
        this.facts.mainAnswered()
        main.noteReachable()
      },
      onSilence: (reason) => this.facts.linkChanged('unreachable', reason),
    })
  }

  /** What it takes to look a transaction up in a node's ledger. */
  #ledgerView() {
    return {
      lineage: () => this.#lineage.current?.id,
      query: (sql: string, values: readonly unknown[]) => this.askReplica(sql, values),
    }
  }

  /** Main has lost these: reads show them again (P8), and what touches the same rows waits for them again (N9). */
  #putInLine(records: readonly TransactionRecord[]): void {
    this.#parts.overlay.putBack(records)
    this.#parts.dependencies.putBack(records)
  }

  async #lineageSeen(news: LineageNews): Promise<void> {
    const known = this.#lineage.current
    if (news.lineage !== known?.id) {
      if (known) await this.#putBack.all()
      await this.#lineage.change({ id: news.lineage, lsn: news.lineageLsn })
      void this.keys.refresh()
    }
    this.events.emit({ kind: 'lineage', lineage: news.lineage, redriven: news.redriven })
    this.#confirmer.wake()
  }

  #alarm(alarm: ApplierAlarm): void {
    this.facts.alarmRaised(alarm)
    this.events.emit({ kind: 'alarm', ...alarm })
  }

  /** The main site has no replica: there it is main that was looked at. */
  #replicaSeen(state: ReplicaState): void {
    const { replica, main } = this.#parts
    const looked = replica ?? main
    if (state === 'unreachable') looked.noteUnreachable()
    else looked.noteReachable()
    if (this.facts.replicaChanged(state)) this.events.emit({ kind: 'replica', replica: this.facts.replica })
  }
}
