import { OutpostError } from '../errors/outpost-error.ts'
import { compareLsn, formatLsn, type Lsn, parseLsn } from './lsn.ts'
import { type Timeline, timelineFrom } from './timeline.ts'

/**
 * N4: a place in the history of one main. Standbys promoted apart share identifier and timeline number, so the
 * lineage, a random row that main carries, is part of it.
 */
export interface Position {
  /** `pg_control_system().system_identifier`, as decimal text. */
  readonly systemIdentifier: string
  readonly timeline: Timeline
  readonly lsn: Lsn
  /** Row of `outpost.lineage` that main carried when the position was taken: a UUID. */
  readonly lineage: string
  /** Taken without a flush (`synchronous_commit=off`): a crash of main can take it back. */
  readonly isVolatile: boolean
}

export type PositionOrder = 'before' | 'equal' | 'after' | 'incomparable'

/** True when both lie on one line of history, so that their LSNs may be compared. */
export function isComparable(a: Position, b: Position): boolean {
  return a.lineage === b.lineage && a.timeline === b.timeline && a.systemIdentifier === b.systemIdentifier
}

/** Where `a` lies as seen from `b`; `incomparable` unless lineage, system identifier and timeline are the same (P8). */
export function comparePositions(a: Position, b: Position): PositionOrder {
  if (!isComparable(a, b)) return 'incomparable'
  const order = compareLsn(a.lsn, b.lsn)
  return order < 0 ? 'before' : order > 0 ? 'after' : 'equal'
}

/** True when a node that has replayed up to `replayed` has `wanted`. Errors: `position_incomparable`. */
export function hasReached(replayed: Position, wanted: Position): boolean {
  const order = comparePositions(replayed, wanted)
  if (order === 'incomparable') throw incomparable(replayed, wanted)
  return order !== 'before'
}

/**
 * The later of two positions of one history. Of equal ones the durable wins: somebody saw it flushed. Errors:
 * `position_incomparable`.
 */
export function laterPosition(a: Position, b: Position): Position {
  switch (comparePositions(a, b)) {
    case 'before':
      return b
    case 'after':
      return a
    case 'equal':
      return a.isVolatile ? b : a
    case 'incomparable':
      throw incomparable(a, b)
  }
}

/** `timeline/LSN`, such as `2/16/B374D848`: for people and for the journal, where the lineage stands beside it. */
export function formatTimelineLsn(position: Pick<Position, 'timeline' | 'lsn'>): string {
  return `${position.timeline}/${formatLsn(position.lsn)}`
}

/** Errors: `invalid_value`. */
export function parseTimelineLsn(text: string): Pick<Position, 'timeline' | 'lsn'> {
  const slash = text.indexOf('/')
  const timeline = text.slice(0, Math.max(slash, 0))
  if (!/^[1-9][0-9]{0,9}$/.test(timeline)) {
    throw new OutpostError(
      'invalid_value',
      `${JSON.stringify(text.slice(0, 40))} is not a timeline with an LSN.`,
      {
        hint: 'It is written as timeline/LSN, such as 2/16/B374D848.',
      },
    )
  }
  return { timeline: timelineFrom(Number(timeline)), lsn: parseLsn(text.slice(slash + 1)) }
}

function incomparable(a: Position, b: Position): OutpostError {
  return new OutpostError(
    'position_incomparable',
    `${formatTimelineLsn(a)} of lineage ${a.lineage} and ${formatTimelineLsn(b)} of lineage ${b.lineage} lie on different histories.`,
    { details: { systems: [a.systemIdentifier, b.systemIdentifier], lineages: [a.lineage, b.lineage] } },
  )
}
