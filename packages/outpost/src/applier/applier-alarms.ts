import { isOutpostError } from '../errors/outpost-error.ts'
import { ledgerMajor } from '../ledger/ledger-major.ts'
import { classify, sqlstateOf } from '../postgres/sqlstate.ts'
import { tlsAdvice } from '../postgres/tls-advice.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplierAlarm } from './applier-options.ts'
import { messageOf } from './journal-alarm.ts'
import type { Streak } from './main-session.ts'
import type { StuckOne } from './parking.ts'

export const fencedAlarm: ApplierAlarm = {
  code: 'epoch_fenced',
  message: 'Main knows this life of the journal, or this applier, as ended: another one has taken over.',
  hint: 'Look for a second process of this site or a restored copy of its journal. Nothing is lost or doubled meanwhile.',
}

export function strangerAlarm(main: { readonly system: string; readonly timeline: number }): ApplierAlarm {
  return {
    code: 'lineage_refused',
    message: `Main (system ${main.system}, timeline ${main.timeline}) does not descend from the server that this site wrote to.`,
    hint: 'Check which server is the right one, then run `outpost site accept-main`.',
  }
}

export function ledgerAlarm(major: number): ApplierAlarm {
  const isNewer = major > ledgerMajor
  return {
    code: 'ledger_version',
    message: `Nothing is applied: the ledger of main has major version ${major}, this site needs ${ledgerMajor}.`,
    hint: `Recording goes on. ${isNewer ? 'Install the newer version of Outpost at this site' : 'Run `outpost migrate` of this version against main'}; the site tries again every 30 s.`,
  }
}

export function rejectionsAlarm(streak: Streak | undefined): ApplierAlarm {
  const what = streak?.shape ? `${streak.shape.kind} of ${streak.shape.table}: ` : ''
  return {
    code: 'rejections',
    message: `Ten transactions were rejected for the same reason: ${what}${streak?.message ?? 'unknown'}`,
    hint: 'Compare the schema of main with what the site records, mend it, then run `outpost site resume`.',
  }
}

export function stuckAlarm({ seq, reason }: StuckOne): ApplierAlarm {
  const isDenied = reason.sqlstate === '42501'
  return {
    code: 'stuck',
    message: `Main cannot take transaction ${seq}: ${reason.message ?? reason.sqlstate ?? 'no reason is known'}`,
    hint: `It is tried again every minute; what does not depend on it goes on. ${
      isDenied
        ? 'Give the role of the site what it lacks: `outpost site grant` (in a program `grantSite`), or a row-level policy.'
        : 'Look at main for the cause.'
    }`,
  }
}

export function digestAlarm(seq: Seq): ApplierAlarm {
  return {
    code: 'digest_differs',
    message: `Main knows transaction ${seq} with other operations than the journal does.`,
    hint: 'Compare both with `outpost tx show`: a journal was edited, or an id was made twice.',
  }
}

/** The schema that the applier needs is not there: no transaction is to blame. */
const missingSchema = new Set(['42883', '3F000', '42P01'])

/** Pure: the alarm of an error that no waiting cures, although no transaction is to blame (N11). */
export function configurationAlarm(error: unknown): ApplierAlarm | undefined {
  const isOlder = isOutpostError(error) && error.code === 'not_migrated'
  if (isOlder || missingSchema.has(sqlstateOf(error) ?? '')) {
    return {
      code: 'not_migrated',
      message: `Main lacks the Outpost schema${isOlder ? ' of this version' : ''}: ${messageOf(error)}`,
      hint: 'Run `outpost migrate` against main.',
    }
  }
  if (isOutpostError(error, 'schema_unknown')) {
    return {
      code: 'schema_unknown',
      message: `Nothing is applied: ${messageOf(error)}`,
      hint: 'Recording goes on. Install a version of Outpost at this site that knows the migration, or take main back to a schema that the site knows.',
    }
  }
  if (classify(error) !== 'configuration') return undefined
  return {
    code: 'configuration',
    message: `Main refuses the site: ${messageOf(error)}`,
    hint:
      tlsAdvice(error) ??
      (isOutpostError(error, 'config_invalid')
        ? error.hint
        : 'Check user and password of the site, MAIN_DB_SSLMODE and the certificate of main, and the grants: `outpost site grant` (in a program `grantSite`).'),
  }
}
