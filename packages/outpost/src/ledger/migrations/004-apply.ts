import { attemptSql } from './004-apply/attempt.ts'
import { forgetSql } from './004-apply/forget.ts'
import { procedureSql } from './004-apply/procedure.ts'
import { streakSql } from './004-apply/streak.ts'

/** The apply procedure, with what it tries, counts and forgets: one migration. */
export const applySql = attemptSql + streakSql + procedureSql + forgetSql
