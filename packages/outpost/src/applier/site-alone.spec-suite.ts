import type { Journal } from '../journal/journal.ts'
import { tableRules } from '../ledger/table-rules.ts'
import type { Seq } from '../transaction/transaction.ts'
import { Applier } from './applier.ts'
import type { ApplierAlarm } from './applier-options.ts'
import type { CallsSetting } from './calls-under-way.ts'
import type { MainSession } from './main-session.ts'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'
import { SimulatedClock } from './simulated-clock.spec-suite.ts'
import { type Faults, SimulatedMain, simulatedSession } from './simulated-main.spec-suite.ts'

export interface SiteAlone {
  readonly applier: Applier
  readonly journal: Journal
  readonly clock: SimulatedClock
  readonly main: SimulatedMain
  readonly alarms: readonly ApplierAlarm[]
  append(key: string, dependsOn?: readonly Seq[], needs?: string, poison?: string): Promise<Seq>
  /** Lets the simulated time pass. */
  pass(ms: number): Promise<void>
  stop(): Promise<void>
}

export interface SiteAloneOptions {
  /** Changes to the journal and to each session, to make them fail. */
  readonly journal?: (journal: Journal) => Partial<Journal>
  readonly session?: (session: MainSession) => Partial<MainSession>
  readonly gatherMs?: number
  readonly calls?: CallsSetting
  readonly onAlarm?: (alarm: ApplierAlarm) => void
}

/** A site and a main without faults in simulated time; a test changes what it is about. */
export function openSiteAlone(options: SiteAloneOptions = {}): SiteAlone {
  const clock = new SimulatedClock()
  const main = new SimulatedMain()
  const plain = openMemoryJournal({ nowMs: () => clock.nowMs() })
  const journal = Object.create(
    plain,
    Object.getOwnPropertyDescriptors(options.journal?.(plain) ?? {}),
  ) as Journal
  const alarms: ApplierAlarm[] = []
  const faults: Faults = {
    latencyMs: () => 20,
    crashesHere: () => false,
    losesAnswer: () => false,
    sleep: (ms) => clock.sleep(ms),
  }
  const applier = new Applier({
    site: 'observatory',
    journal,
    clock,
    openSession: async () => {
      const session = simulatedSession(() => main, faults)
      return { ...session, ...options.session?.(session) }
    },
    random: () => 0.5,
    rules: () => tableRules(undefined),
    onAlarm: (alarm) => {
      alarms.push(alarm)
      options.onAlarm?.(alarm)
    },
    ...(options.calls !== undefined && { calls: options.calls }),
    ...(options.gatherMs !== undefined && { gatherMs: options.gatherMs }),
  })
  journal.onDurable(() => applier.wake())
  applier.start()
  let number = 0
  const pass = (ms: number) => clock.runUntil(clock.nowMs() + ms)
  return {
    applier,
    journal,
    clock,
    main,
    alarms,
    append: async (key, dependsOn = [], needs, poison = 'no') => {
      const id = `tx-${number++}`
      const record = await journal.append({
        id,
        operations: [
          { kind: 'insert', table: 'public.event', row: { id, key, poison, ...(needs && { needs }) } },
        ],
        digest: '00',
        writes: [`pk|${key}`],
        references: [],
        dependsOn,
        catalogVersion: 'sim',
        flags: [],
      })
      return record.seq
    },
    pass,
    stop: async () => {
      const stopped = applier.stop()
      await pass(60_000)
      await stopped
    },
  }
}
