import { attemptSql } from './004-apply/attempt.ts'
import { decideSql } from './004-apply/decide.ts'
import { forgetSql } from './004-apply/forget.ts'
import { procedureSql } from './004-apply/procedure.ts'
import { streakSql } from './004-apply/streak.ts'

/** The apply procedure, with what it tries, counts and forgets: one migration. */
export const applySql = decideSql + attemptSql + streakSql + procedureSql + forgetSql
