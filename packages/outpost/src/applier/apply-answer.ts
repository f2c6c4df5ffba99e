import { OutpostError } from '../errors/outpost-error.ts'
import { readHistory } from '../schema/schema-history.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplyAnswer, HelloAnswer, Streak } from './main-session.ts'
import { readOutcomes, type WireOutcome } from './outcome-wire.ts'

type Row = Readonly<Record<string, unknown>>

/**
 * Pure: what the apply procedure answered about these groups. Errors: `not_migrated`, when it has a form that this
 * version does not know, because main has the procedure of another one.
 */
export function readApplyAnswer(answer: unknown, groups: readonly (readonly Seq[])[]): ApplyAnswer {
  if (!isRow(answer)) throw unknownForm('apply', answer)
  switch (answer.kind) {
    case 'lineage':
    case 'gap':
    case 'fenced':
    case 'early':
      return { kind: answer.kind }
    case 'schema':
      return { kind: 'schema', history: readHistory(answer.history) }
    case 'done':
      return readDone(answer, groups)
    default:
      throw unknownForm('apply', answer)
  }
}

const knownStops = ['taken', 'streak', 'schema', 'locked'] as const

function readDone(answer: Row, groups: readonly (readonly Seq[])[]): ApplyAnswer {
  const { outcomes, streaks, pausedBy } = answer
  const stopped = knownStops.find((each) => each === answer.stopped)
  const isStopKnown = stopped !== undefined || (answer.stopped ?? null) === null
  if (!isStopKnown || ![outcomes, streaks, pausedBy].every(Array.isArray)) throw unknownForm('apply', answer)
  const lineage = String(answer.lineage)
  return {
    kind: 'done',
    ...(stopped === undefined ? {} : { stopped }),
    ...(typeof answer.taken === 'string' ? { takenEpoch: answer.taken } : {}),
    outcomes: readOutcomes(outcomes as readonly WireOutcome[], groups, lineage),
    streaks: streaks as readonly Streak[],
    position: `${answer.timeline}/${answer.flush}`,
    system: String(answer.system),
    timeline: Number(answer.timeline),
    lineage,
    pausedBy: pausedBy as readonly string[],
  }
}

/** Pure: what `outpost.hello` answered. Errors: `not_migrated`, as above. */
export function readHelloAnswer(answer: unknown): HelloAnswer {
  if (!isRow(answer)) throw unknownForm('hello', answer)
  switch (answer.kind) {
    case 'recovery':
    case 'fenced':
      return { kind: answer.kind }
    case 'stranger':
      return {
        kind: 'stranger',
        system: String(answer.system_identifier),
        timeline: Number(answer.timeline),
      }
    case 'ledger':
      return { kind: 'ledger', major: Number(answer.major) }
    case 'welcome':
      if (!Array.isArray(answer.chain)) throw unknownForm('hello', answer)
      return {
        kind: 'welcome',
        term: Number(answer.term),
        lineage: String(answer.lineage),
        lineageLsn: String(answer.lineage_lsn),
        chain: answer.chain as readonly string[],
        system: String(answer.system),
        timeline: Number(answer.timeline),
        position: `${answer.timeline}/${answer.flush}`,
        isRedriven: answer.redriven === true,
      }
    default:
      throw unknownForm('hello', answer)
  }
}

function isRow(answer: unknown): answer is Row {
  return typeof answer === 'object' && answer !== null
}

function unknownForm(name: string, answer: unknown): OutpostError {
  const form = isRow(answer)
    ? `${String(answer.kind)} with ${Object.keys(answer).join(', ')}`
    : String(answer)
  return new OutpostError(
    'not_migrated',
    `outpost.${name} on main answers in a form that this version does not know (${form}).`,
  )
}
