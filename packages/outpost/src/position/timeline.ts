import { OutpostError } from '../errors/outpost-error.ts'

/** Number of a timeline: 1 for a new cluster, one more (or several) after every promotion. */
export type Timeline = number & { readonly __brand: 'Timeline' }

const maxTimeline = 0xffff_ffff

/** Errors: `invalid_value` unless it is an integer from 1 to 2³²-1. */
export function timelineFrom(value: number): Timeline {
  if (!Number.isInteger(value) || value < 1 || value > maxTimeline) {
    throw new OutpostError('invalid_value', `${value} is not a timeline.`, {
      hint: 'Timelines are whole numbers from 1.',
    })
  }
  return value as Timeline
}

/**
 * The timeline in the name of a WAL file (its first eight hexadecimal digits). On a primary the name comes from
 * `pg_walfile_name(pg_current_wal_insert_lsn())`, which shows a promotion at once; `pg_control_checkpoint()` shows the
 * old timeline until the next checkpoint (E6). Errors: `invalid_value`.
 */
export function timelineOfWalFile(name: string): Timeline {
  if (!/^[0-9A-F]{24}$/.test(name)) {
    throw new OutpostError(
      'invalid_value',
      `${JSON.stringify(name.slice(0, 40))} is not the name of a WAL file.`,
    )
  }
  return timelineFrom(Number.parseInt(name.slice(0, 8), 16))
}
