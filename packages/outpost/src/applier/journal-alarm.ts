import type { ApplierAlarm } from './applier-options.ts'

/** Something that runs behind the journal could not write to it, and tries again. */
export function journalAlarm(failure: unknown): ApplierAlarm {
  return {
    code: 'journal',
    message: `The journal could not be brought up to date: ${messageOf(failure)}`,
    hint: 'Free space on its disk or raise JOURNAL_MAX_BYTES; it is tried again, and main keeps what was applied.',
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
