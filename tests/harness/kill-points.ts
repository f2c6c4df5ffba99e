import type { MainSession, OpenMainSession } from '../../packages/outpost/src/applier/main-session.ts'
import type { Journal } from '../../packages/outpost/src/journal/journal.ts'
import { replaceMethods } from './replace-methods.ts'

/** Where a program under test ends itself, as kill -9 would. */
export const killSteps = ['before_sync', 'after_sync', 'mid_call', 'after_commit'] as const

export type KillStep = (typeof killSteps)[number]

export interface KillPlan {
  readonly step: KillStep
  /** At which append or which CALL with transactions, from 1. */
  readonly at: number
  /** How many turns of the event loop later; spreads `before_sync` and `mid_call` over what happens meanwhile. */
  readonly turns: number
}

/** What `openSiteWith` lets a test put between the site and its journal or main. */
export interface KillSeams {
  readonly journal: (journal: Journal) => Journal
  readonly sessions: (open: OpenMainSession) => OpenMainSession
}

/** SIGKILL leaves this process no further instruction: nothing is flushed, answered or closed. */
function die(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('unreachable: the process was killed')
}

function dieAfter(turns: number): void {
  if (turns === 0) die()
  setImmediate(() => dieAfter(turns - 1))
}

/** Seams that end this process at the planned step; without a plan they do nothing. */
export function killSeams(plan: KillPlan | undefined): KillSeams {
  return {
    journal: (journal) => (plan === undefined ? journal : dyingJournal(journal, plan)),
    sessions: (open) => async (signal) => {
      const session = await open(signal)
      return plan === undefined ? session : dyingSession(session, plan)
    },
  }
}

function dyingJournal(journal: Journal, { step, at, turns }: KillPlan): Journal {
  let appends = 0
  return replaceMethods(journal, {
    append: async (draft) => {
      appends += 1
      if (step === 'before_sync' && appends === at) {
        if (turns === 0) die()
        const appended = journal.append(draft)
        // The group is committed from the next turn on: none of these kills is later than the start of its sync.
        dieAfter(turns)
        return await appended
      }
      const record = await journal.append(draft)
      if (step === 'after_sync' && appends >= at) die()
      return record
    },
  })
}

let calls = 0

/** CALLs are counted over all sessions of the process. */
function dyingSession(session: MainSession, { step, at, turns }: KillPlan): MainSession {
  return replaceMethods(session, {
    apply: async (call) => {
      if (call.transactions.length > 0) calls += 1
      const answering = session.apply(call)
      if (step === 'mid_call' && calls === at) dieAfter(turns)
      const answer = await answering
      if (step === 'after_commit' && calls >= at) die()
      return answer
    },
  })
}
