import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tableRules } from '../ledger/table-rules.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { Contact } from './contact.ts'
import { EpochMoves } from './epoch-moves.ts'
import type { ApplyAnswer } from './main-session.ts'
import { Parking } from './parking.ts'
import { Sender } from './sender.ts'
import { simulatedSession } from './simulated-main.spec-suite.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

describe('Sender', () => {
  let site: SiteAlone
  beforeEach(async () => {
    site = openSiteAlone()
    await site.pass(1_000)
    await site.applier.stop()
  })
  afterEach(() => site.stop())

  it('N9: a CALL that main stopped leaves nothing behind in the pass after it', async () => {
    const { journal, clock, main } = site
    const waiting = await site.append('w')
    const dependant = await site.append('w', [waiting])
    const sent: (readonly Seq[])[] = []
    const answer: Omit<Extract<ApplyAnswer, { kind: 'done' }>, 'outcomes'> = {
      kind: 'done',
      stopped: 'streak',
      streaks: [],
      position: '1/0/1',
      system: '1',
      timeline: 1,
      lineage: 'first-0',
      pausedBy: [],
    }
    const plain = simulatedSession(() => main, {
      latencyMs: () => 0,
      crashesHere: () => false,
      losesAnswer: () => false,
      sleep: async () => undefined,
    })
    const contact: Contact = {
      session: {
        ...plain,
        apply: async ({ transactions }) => {
          sent.push(transactions.map(({ seq }) => seq))
          return {
            ...answer,
            outcomes: [
              { seqs: [waiting], outcome: 'waiting', sqlstate: '23503' },
              { seqs: [dependant], outcome: 'parked' },
            ],
          }
        },
      },
      term: 1,
      epoch: 'e',
      lineage: 'first-0',
      comparedThrough: 0,
      isRedriven: true,
      position: '1/0/0',
      heardMs: 0,
    }
    const options = {
      site: 'observatory',
      journal,
      clock,
      openSession: async () => contact.session,
      random: () => 0.5,
      rules: () => tableRules(undefined),
    }
    const sender = new Sender(options, new EpochMoves(journal), new Parking(journal))
    await sender.send(contact)
    await site.pass(5_000)
    await sender.send(contact)
    expect(sent).toEqual([
      [waiting, dependant],
      [waiting, dependant],
    ])
  })
})
