/** The Fastify plugin: transactions, health and problem documents of a site. Needs `fastify` 5 beside it. */
export { answerClientError } from './fastify/client-error.ts'
export { codeOfSqlstate, isDatabaseError, isSocketError } from './fastify/database-problem.ts'
export type { Caller, Identify } from './fastify/dead-letter-routes.ts'
export { canonicalJson, type IdempotentRequest, idempotencyOf, requestDigest } from './fastify/idempotency.ts'
export { type OutpostPluginOptions, outpostPlugin } from './fastify/outpost-plugin.ts'
export {
  type Problem,
  type ProblemCode,
  ProblemError,
  type ProblemItem,
  type ProblemOptions,
  problemMediaType,
  problemOf,
} from './fastify/problem.ts'
export { type ProblemAnswer, problemFrom } from './fastify/problem-from.ts'
export { answerError, sendProblem } from './fastify/problem-handlers.ts'
export { outpostTokenOf, sendOutpostToken, tokenHeader } from './fastify/token-header.ts'
export { transactionDocument } from './fastify/transaction-document.ts'
export { type ValidationFinding, validationProblem } from './fastify/validation-problem.ts'
