import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Journal, TransactionStatus } from '../../journal/journal.ts'
import type { Catalog } from '../../postgres/catalog.ts'
import { TransactionBuilder } from '../../transaction/builder.ts'
import { isDecidable } from '../../transaction/decided-state.ts'
import type { DependencyIndex } from '../../transaction/dependency-index.ts'
import { isPending } from '../../transaction/state.ts'
import type {
  DecisionKind,
  Seq,
  TransactionDraft,
  TransactionId,
  TransactionRecord,
} from '../../transaction/transaction.ts'
import type { Appended, Appender } from '../appender.ts'
import type { KeptClock } from '../kept-clock.ts'
import type { NodePool } from '../node-pool.ts'
import type { Receipt } from '../site-api.ts'
import { coneOf } from './cone.ts'
import type { ConeIndex } from './cone-index.ts'
import type {
  Cone,
  DeadLetters,
  DecisionFacts,
  DecisionOptions,
  DecisionReceipt,
  MainRows,
  PatchOperation,
  PreviewedDecision,
} from './dead-letters-api.ts'
import {
  checkedReason,
  type DecisionContent,
  decisionKey,
  decisionOf,
  emptyContent,
  refuseTooMany,
  sameContent,
  storable,
} from './decision-draft.ts'
import { decisionDependsOn, followedKeys, type OrderFacts } from './decision-order.ts'
import type { Decisions } from './decisions.ts'
import { mainRowsOf } from './main-rows.ts'
import { patchOperations } from './patched-operations.ts'
import { conePresent, notDecidable } from './refused-decision.ts'

export interface WorkbenchOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly catalog: () => Catalog
  readonly dependencies: DependencyIndex
  readonly cones: ConeIndex
  readonly decisions: Decisions
  readonly appender: Appender
  readonly main: NodePool
  readonly keptClock: Pick<KeptClock, 'stampFor'>
  readonly receipt: (appended: Appended) => Receipt
  /** Resolves when the states that a decision makes are written. */
  readonly settled: (decision: Seq) => Promise<void>
}

interface Wish {
  readonly kind: DecisionKind
  readonly options: DecisionOptions & { readonly cone?: boolean }
  /** What the decision writes; may refuse. */
  readonly content: (target: TransactionRecord) => DecisionContent & { readonly id: TransactionId }
}

interface Prepared {
  readonly draft: TransactionDraft
  readonly facts: DecisionFacts
}

const mainRowsTimeoutMs = 2_000
const defaultConeLimit = 100

/**
 * Where operators deal with dead letters. Invariant: of all decisions about one transaction only the first is recorded;
 * they run one at a time.
 */
export class Workbench implements DeadLetters {
  readonly #options: WorkbenchOptions

  constructor(options: WorkbenchOptions) {
    this.#options = options
  }

  async cone(id: TransactionId, options: { readonly limit?: number } = {}): Promise<Cone> {
    const { journal } = this.#options
    const { seq } = await this.#find(id)
    const cone = isPending(journal.status(seq).state) ? this.#coneOf(seq) : []
    const records = await journal.getMany(cone.slice(0, options.limit ?? defaultConeLimit))
    return {
      count: cone.length,
      first: records.map((each) => ({
        seq: each.seq,
        id: each.id,
        state: journal.status(each.seq).state,
      })),
    }
  }

  async mainRows(id: TransactionId, options: { readonly timeoutMs?: number } = {}): Promise<MainRows> {
    const { journal, catalog, main } = this.#options
    const record = await this.#find(id)
    return await mainRowsOf(record, journal.status(record.seq), {
      catalog: catalog(),
      main,
      timeoutMs: options.timeoutMs ?? mainRowsTimeoutMs,
    })
  }

  async replay(id: TransactionId, options: DecisionOptions = {}): Promise<DecisionReceipt> {
    return await this.#decide(id, this.#replay(options))
  }

  async edit(
    id: TransactionId,
    patch: readonly PatchOperation[],
    options: DecisionOptions = {},
  ): Promise<DecisionReceipt> {
    return await this.#decide(id, this.#edit(patch, options))
  }

  async resolve(
    id: TransactionId,
    options: DecisionOptions & { readonly reason: string },
  ): Promise<DecisionReceipt> {
    return await this.#decide(id, this.#ending('resolve', options))
  }

  async discard(
    id: TransactionId,
    options: DecisionOptions & { readonly reason: string; readonly cone?: boolean },
  ): Promise<DecisionReceipt> {
    return await this.#decide(id, this.#ending('discard', options))
  }

  async preview(id: TransactionId, decision: PreviewedDecision): Promise<DecisionFacts> {
    const { facts } = await this.#prepare(await this.#find(id), this.#wishOf(decision))
    return { ...facts, id: undefined }
  }

  #wishOf(decision: PreviewedDecision): Wish {
    switch (decision.kind) {
      case 'replay':
        return this.#replay({})
      case 'edit':
        return this.#edit(decision.patch, {})
      case 'resolve':
      case 'discard':
        return this.#ending(decision.kind, decision)
    }
  }

  #replay(options: DecisionOptions): Wish {
    const content = (target: TransactionRecord) => ({
      id: this.#builder().id,
      ...sameContent(target, this.#options.catalog()),
    })
    return { kind: 'replay', options: checked(options, false), content }
  }

  #edit(patch: readonly PatchOperation[], options: DecisionOptions): Wish {
    const content = (target: TransactionRecord) => {
      const builder = this.#builder()
      patchOperations(target.operations, patch, builder)
      return builder.build()
    }
    return { kind: 'edit', options: checked(options, false), content }
  }

  #ending(kind: 'resolve' | 'discard', options: Wish['options']): Wish {
    const content = () => ({ id: this.#builder().id, ...emptyContent(this.#options.catalog()) })
    return { kind, options: checked(options, true), content }
  }

  /**
   * Everything that decisions look at is looked at in one critical section, so that of two operators one is first; and
   * what is decided on is claimed, so that the applier leaves it alone until the decision is durable.
   */
  async #decide(id: TransactionId, wish: Wish): Promise<DecisionReceipt> {
    const { appender, settled, receipt } = this.#options
    const { idempotency } = wish.options
    const target = await this.#find(id)
    // Checked before anything is waited for, and so that the keys are known that it locks.
    const content = wish.content(target)
    const ready = { ...wish, content: () => content }
    let decision: DecisionFacts | undefined
    let release = (): void => undefined
    try {
      const appended = await appender.decide(content.writes, idempotency, async () => {
        const prepared = await this.#prepare(target, ready, (seqs) => {
          release = this.#options.decisions.claim(seqs)
        })
        await appender.refuseKnownKeys(content.operations, (seqs) => this.#isOwnRow(target, seqs))
        decision = prepared.facts
        return prepared.draft
      })
      if (appended.seq !== undefined && !appended.isReplayed) await settled(appended.seq)
      return { receipt: receipt(appended), decision }
    } finally {
      release()
    }
  }

  async #prepare(
    target: TransactionRecord,
    wish: Wish,
    claim: (seqs: readonly Seq[]) => void = () => undefined,
  ): Promise<Prepared> {
    const { journal, decisions } = this.#options
    const { kind, options } = wish
    await journal.catchUp()
    await this.#refuseUndecidable(target, kind)
    const cone = this.#coneOf(target.seq)
    const takesCone = kind === 'discard' && options.cone === true
    if (kind === 'discard' && !takesCone && cone.length > 0)
      throw conePresent(target, cone.length, await this.cone(target.id, { limit: 20 }))
    if (takesCone) refuseTooMany(cone)
    claim(takesCone ? [target.seq, ...cone] : [target.seq])
    const targets = takesCone ? [target, ...(await journal.getMany(cone))] : [target]
    const { id, ...content } = wish.content(target)
    const facts: OrderFacts = {
      ...this.#options,
      standIn: (seq) => decisions.standIn(seq),
      isSettled: (seq) => isSettled(journal.status(seq)),
    }
    const place = { targets, cone: new Set(cone), keys: [...content.writes, ...content.references] }
    const dependsOn = await decisionDependsOn(place, facts)
    const followed = followedKeys(content.writes, place.cone, facts)
    const waiting = takesCone ? 0 : cone.length
    const decision: DecisionFacts = { kind, id, on: target.id, decided: targets.length, waiting }
    const { reason, actor, idempotency, answer } = options
    const stored = answer?.(decision)
    const draft: TransactionDraft = {
      id,
      ...content,
      // Two decisions about one transaction touch the same key, in whichever process they are made (N22).
      writes: [...content.writes, ...targets.map(({ seq }) => decisionKey(seq))],
      dependsOn,
      replaces: target.id,
      decision: decisionOf(kind, targets, reason, followed),
      ...this.#options.keptClock.stampFor(content.operations),
      ...(idempotency && { idempotency }),
      ...(stored && { answer: stored }),
      ...(actor !== undefined && { actor }),
    }
    return { draft, facts: decision }
  }

  async #refuseUndecidable(target: TransactionRecord, kind: DecisionKind): Promise<void> {
    const { journal, decisions } = this.#options
    const status = journal.status(target.seq)
    const by = decisions.decisionOn(target.seq)
    if (by === undefined && isDecidable(status.state, kind)) return
    const [decision] = by === undefined ? [] : await journal.getMany([by])
    throw notDecidable(target, status, kind, decision)
  }

  /** A pending row with this key that the dead letter itself made: a replay may make it again. */
  #isOwnRow(target: TransactionRecord, seqs: readonly Seq[]): boolean {
    const elder = [target.seq, ...(target.decision?.places ?? []).map(({ seq }) => seq)]
    return elder.includes(seqs[0] ?? 0)
  }

  #coneOf(seq: Seq): readonly Seq[] {
    const { journal, cones, decisions } = this.#options
    return coneOf(seq, {
      waitersOf: (each) => cones.waitersOf(each),
      decidesOn: (each) => decisions.decidesOn(each),
      stateOf: (each) => journal.status(each).state,
    })
  }

  #builder(): TransactionBuilder {
    const { catalog, clock } = this.#options
    return new TransactionBuilder(catalog(), { clock })
  }

  async #find(id: TransactionId): Promise<TransactionRecord> {
    const { journal } = this.#options
    await journal.catchUp()
    const record = await journal.findById(id)
    if (record === undefined)
      throw new OutpostError('transaction_unknown', `No transaction ${id} is known here.`)
    return record
  }
}

function checked(options: Wish['options'], needsReason: boolean): Wish['options'] {
  const reason = checkedReason(options.reason, needsReason)
  if (options.actor !== undefined) storable(options.actor, 'The name of who decides')
  return { ...options, ...(reason !== undefined && { reason }) }
}

function isSettled({ state }: TransactionStatus): boolean {
  return !isPending(state) || state === 'applied'
}
