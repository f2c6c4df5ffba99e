import { changeSql } from './006-conflicts/change.ts'
import { policySql } from './006-conflicts/policy.ts'
import { recordSql } from './006-conflicts/record.ts'

/** What becomes of a change of a row that somebody else has changed meanwhile: declared per table, decided on main. */
export const conflictsSql = policySql + recordSql + changeSql
