import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const conformance = {
  file: `${outpost}/journal/lmdb/conformance.test.ts`,
  suite: `${outpost}/journal/conformance/drop.spec-suite.ts`,
}
const openSite = `${outpost}/site/open-site.pg.test.ts`

/** N22, N23: what clients and processes may do at once. */
export const clientRules: readonly Rule[] = [
  {
    number: 'N22',
    title: 'One request, one transaction, one answer',
    prevents:
      'A retry that records twice; two finishes of one unit that both succeed; a key of one client that answers another.',
    guards: [
      {
        ensures: 'a key belongs to a site and an API token',
        file: `${outpost}/fastify/idempotency.ts`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source.
        find: 'scope: `${site}/${tokenId}`',
        replace: 'scope: site + tokenId.slice(0, 0)',
        test: {
          file: `${outpost}/fastify/idempotency.test.ts`,
          title: 'N22: scopes the key by site and API token',
        },
      },
      {
        ensures: 'a known key gets the stored answer',
        file: `${outpost}/site/appender.ts`,
        find: 'if (replayed) return replayed',
        replace: '',
        test: { file: openSite, title: 'N22: the same Idempotency-Key stores once' },
      },
      {
        ensures: 'and another request under it is refused',
        file: `${outpost}/site/appender.ts`,
        find: 'if (hit.requestDigest !== requestDigest) {',
        replace: 'if (false as boolean) {',
        test: { file: openSite, title: 'N22: the same Idempotency-Key stores once' },
      },
      {
        ensures: 'the answer is stored with the transaction',
        file: `${outpost}/site/appender.ts`,
        find: '...(answer && { answer }),',
        replace: '',
        test: { file: openSite, title: 'N22: the same Idempotency-Key stores once' },
      },
      {
        ensures: 'check and append are one critical section per touched key',
        file: `${outpost}/site/key-locks.ts`,
        find: 'if (before.length > 0) await withDeadline',
        replace: 'if (before.length < 0) await withDeadline',
        test: {
          file: `${outpost}/site/key-locks.test.ts`,
          title: 'N22: sections that share a key never overlap',
        },
      },
      {
        ensures: "a client's own id that is known is refused",
        file: `${outpost}/site/appender.ts`,
        find: 'await this.refuseKnownKeys(built.operations)',
        replace: '',
        test: {
          file: `${outpost}/site/site-rules.pg.test.ts`,
          title: "N22: a client's own id that is pending already",
        },
      },
      {
        ensures: 'what this site ended stays ended when no database answers',
        file: 'packages/ops-db-api/src/recording/executed-unit-routes.ts',
        find: 'if (isUnitState(own?.status) && isUnitEnd(own.status)) assertUnitChange(own, change.status, end)',
        replace: 'void own',
        test: {
          file: 'packages/ops-db-api/src/recording/silent-replica.pg.test.ts',
          title: 'N22: what this site ended is not ended twice',
        },
      },
      {
        ensures: 'an answer is kept seven days past the drop',
        file: `${outpost}/journal/idempotent-hit.ts`,
        find: '7 * 24 * 60 * 60 * 1000',
        replace: '24 * 60 * 60 * 1000',
        test: { ...conformance, title: 'N22: an answer is kept 7 days past the drop' },
      },
    ],
  },
  {
    number: 'N23',
    title: "Each read first folds up to the journal's newest record",
    prevents: 'A write that one process of a site acknowledged and a read through another one misses.',
    guards: [
      {
        ensures: 'a SELECT catches up first',
        file: `${outpost}/site/merged-reads.ts`,
        find: 'await journal.catchUp()',
        replace: 'void journal',
        test: { file: `${outpost}/site/site-rules.pg.test.ts`, title: 'N23: each read first folds' },
      },
      {
        ensures: 'so does a row by its key',
        file: `${outpost}/site/running-site.ts`,
        find: `await this.#parts.journal.catchUp()
    const found = resolveTable(this.catalog, table)
    return await readRowByKey(`,
        replace: `const found = resolveTable(this.catalog, table)
    return await readRowByKey(`,
        test: { file: `${outpost}/site/site-rules.pg.test.ts`, title: 'N23: each read first folds' },
      },
    ],
  },
]
