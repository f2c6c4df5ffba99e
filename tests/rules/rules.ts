import { clientRules } from './client-rules.ts'
import { conflictRules } from './conflict-rules.ts'
import { drainingRules } from './draining-rules.ts'
import { forgettingRules } from './forgetting-rules.ts'
import { identityRules } from './identity-rules.ts'
import { readingRules } from './reading-rules.ts'
import type { Rule } from './rule.ts'
import { sendingRules } from './sending-rules.ts'

/** Every rule of the protocol, N1 to N24, with what keeps it and the tests that fail without it. */
export const rules: readonly Rule[] = [
  ...identityRules,
  ...sendingRules,
  ...drainingRules,
  ...forgettingRules,
  ...readingRules,
  ...clientRules,
  ...conflictRules,
]
