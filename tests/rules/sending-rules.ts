import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const service = 'packages/ops-db-api/src'
const call = `${outpost}/applier/call.pg.test.ts`
const contact = `${outpost}/applier/contact.pg.test.ts`
const applier = `${outpost}/applier/applier.pg.test.ts`
const identity = `${outpost}/applier/identity.pg.test.ts`
const apply = `${outpost}/ledger/migrations/004-apply`
const schemaChange = `${outpost}/site/schema-change.pg.test.ts`
const hello = `${outpost}/ledger/migrations/002-hello.ts`

/** N5-N8: what is sent to main, and who may send it. */
export const sendingRules: readonly Rule[] = [
  {
    number: 'N5',
    title: 'Critical writes go through the journal, at the main site too',
    prevents:
      'A lost COMMIT answer followed by a second way that doubles the write; a start that is journalled and a finish that overtakes it; direct writes that a failover loses and no journal holds.',
    guards: [
      {
        ensures: "the main site's answer waits for main, and its journal has it",
        file: `${service}/recording/record.ts`,
        find: 'receipt.applied({ timeoutMs: mainWaitMs })',
        replace: 'receipt.applied({ timeoutMs: 0 })',
        test: {
          file: `${service}/server/one-answer.pg.test.ts`,
          title: 'N5: journals too, and answers when main has it',
        },
      },
      {
        ensures: 'a direct write remembers its Idempotency-Key and answer',
        file: `${outpost}/site/direct-write.ts`,
        find: 'if (options.idempotency) await store(query, options.site, options.idempotency, answer)',
        replace: 'void store',
        test: {
          file: `${outpost}/site/direct-write.pg.test.ts`,
          title: 'N5: commits the write and its answer together',
        },
      },
      {
        ensures: 'both are one database transaction',
        file: `${outpost}/site/direct-write.ts`,
        find: 'const answer = await statements(query)',
        replace: `const answer = await statements(query)\n      await client.query('COMMIT')\n      await client.query('BEGIN')`,
        test: { file: `${outpost}/site/direct-write.pg.test.ts`, title: 'N5: leaves no write behind' },
      },
    ],
  },
  {
    number: 'N6',
    title: 'Every CALL names what main must have, and gaps are filled first',
    prevents:
      'Main that restarts from a crash, or is replaced behind a pooler, unnoticed: the next transaction fails on the missing one and becomes a dead letter.',
    guards: [
      {
        ensures: 'main refuses a CALL that names a row which it lacks',
        file: `${apply}/procedure.ts`,
        find: 'IF p_told_seq IS NOT NULL AND NOT outpost.has_row(',
        replace: 'IF false AND NOT outpost.has_row(',
        test: { file: call, title: 'N6: naming a row that main lacks' },
      },
      {
        ensures: 'main refuses a CALL that was meant for another lineage',
        file: `${apply}/procedure.ts`,
        find: 'IF v_lineage IS DISTINCT FROM p_lineage THEN',
        replace: 'IF false THEN',
        test: { file: call, title: 'N6: another lineage than the one that was greeted' },
      },
      {
        ensures: 'the site names the last row that it was told of',
        file: `${outpost}/applier/sender.ts`,
        find: 'told: this.#places.told,',
        replace: 'told: undefined,',
        test: { file: contact, title: 'N6: the next CALL names the last row' },
      },
      {
        ensures: 'an idle site asks about it too',
        file: hello,
        find: 'AND (p_told_seq IS NULL OR outpost.has_row(p_site, p_told_epoch, p_told_seq));',
        replace: ';',
        test: { file: contact, title: 'N6: with nothing to send, the beat notices the loss' },
      },
      {
        ensures: 'on every contact all retained transactions are compared with the ledger',
        file: `${outpost}/applier/applier.ts`,
        find: 'const redriven = await this.#reconciler.compare(session)',
        replace: 'const redriven = 0',
        test: { file: contact, title: 'N6: on reconnect everything retained is compared' },
      },
      {
        ensures: 'what was made for another form of the tables is not committed',
        file: `${outpost}/ledger/migrations/007-schema.ts`,
        find: 'IF p_version IS NOT NULL AND p_version <> outpost.schema_version() THEN',
        replace: 'IF false THEN',
        test: {
          file: schemaChange,
          title: 'N6, P3: a migration that commits under a CALL leaves nothing in the old form: ',
          filled: "'other values'",
        },
      },
      {
        ensures: 'what failed because it was made for another form of the tables is not rejected',
        file: `${apply}/attempt.ts`,
        find: 'IF p_schema <> outpost.schema_version() THEN',
        replace: 'IF false THEN',
        test: {
          file: schemaChange,
          title: 'N6, P3: a migration that commits under a CALL leaves nothing in the old form: ',
          filled: "'another name'",
        },
      },
      {
        ensures: 'the comparison finds exactly what is missing',
        file: `${outpost}/applier/ledger-comparison.ts`,
        find: 'missing.push(...missingRanges(clipRanges(settled, bound), present))',
        replace: 'void present',
        test: { file: applier, title: 'N6: finds what main lost and applies it again in order' },
      },
    ],
  },
  {
    number: 'N7',
    title: 'A CALL ends with one commit that reaches the disk',
    prevents:
      'Transactions that were answered as applied and are gone after a crash of main, because their commits were asynchronous and the last one wrote nothing.',
    guards: [
      {
        ensures: 'the last commit of a CALL is synchronous',
        file: `${apply}/procedure.ts`,
        find: `PERFORM set_config('synchronous_commit', CASE v_sync WHEN 'off' THEN 'local' ELSE v_sync END, true);`,
        replace: '',
        test: { file: call, title: 'N7: what was answered survives an immediate stop' },
      },
      {
        ensures: 'nothing counts as applied before the answer',
        file: `${outpost}/applier/sender.ts`,
        find: 'const answering = session.apply({',
        replace: `void this.#options.journal.setStatus(transactions.map(({ seq }) => ({ from: seq, to: seq, status: { state: 'applied' } })))\n    const answering = session.apply({`,
        test: { file: contact, title: 'N7: nothing is applied before the answer of the CALL' },
      },
    ],
  },
  {
    number: 'N8',
    title: 'Every transaction inside a CALL reads who may send',
    prevents: 'An old CALL that goes on committing after another applier has taken over.',
    guards: [
      {
        ensures: 'each group reads epoch and term',
        file: `${apply}/procedure.ts`,
        find: `    IF NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    PERFORM outpost.wait_shortly(v_locked);`,
        replace: `    IF i = 0 AND NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    PERFORM outpost.wait_shortly(v_locked);`,
        test: {
          file: call,
          title: 'N8: a takeover in the midst of a CALL lets no later transaction commit, in groups of',
          filled: ' 1',
        },
      },
      {
        ensures: 'so does each transaction that goes alone',
        file: `${apply}/procedure.ts`,
        find: 'IF v_must_fence AND NOT outpost.fence(',
        replace: 'IF false AND NOT outpost.fence(',
        test: {
          file: call,
          title: 'N8: a takeover in the midst of a CALL lets no later transaction commit, in groups of',
          filled: ' 100',
        },
      },
      {
        ensures: 'a takeover raises the term',
        file: hello,
        find: 'term = term + 1',
        replace: 'term = term',
        test: { file: call, title: 'N8: a takeover with the same epoch raises the term' },
      },
      {
        ensures: "a takeover ends the old term's backends",
        file: hello,
        find: 'PERFORM outpost.end_backends(p_site);',
        replace: '',
        test: { file: identity, title: 'N8: a takeover ends the backend of an old CALL that hangs' },
      },
      {
        ensures: "the role's time-outs notice a client that is gone",
        file: `${outpost}/ledger/grant-plan.ts`,
        find: `  tcp_user_timeout: "'30s'",`,
        replace: '',
        test: { file: `${outpost}/ledger/migrate.pg.test.ts`, title: 'gives a site role its own rows' },
      },
    ],
  },
]
