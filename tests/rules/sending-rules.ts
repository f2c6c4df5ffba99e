import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const service = 'packages/ops-db-api/src'
const call = `${outpost}/applier/call.pg.test.ts`
const contact = `${outpost}/applier/contact.pg.test.ts`
const applier = `${outpost}/applier/applier.pg.test.ts`
const identity = `${outpost}/applier/identity.pg.test.ts`
const streaks = `${outpost}/applier/rejections.pg.test.ts`
const apply = `${outpost}/ledger/migrations/004-apply.ts`
const hello = `${outpost}/ledger/migrations/002-hello.ts`

/** N5-N12: from the journal to main. */
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
          file: `${service}/server/service.pg.test.ts`,
          title: 'N5: journals too, and answers when main has it',
        },
      },
      {
        ensures: 'a direct write remembers its Idempotency-Key and answer',
        file: `${outpost}/site/direct-write.ts`,
        find: 'if (options.idempotency) await store(query, options.idempotency, answer)',
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
        file: apply,
        find: 'IF p_told_seq IS NOT NULL AND NOT outpost.has_row(',
        replace: 'IF false AND NOT outpost.has_row(',
        test: { file: call, title: 'N6: naming a row that main lacks' },
      },
      {
        ensures: 'main refuses a CALL that was meant for another lineage',
        file: apply,
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
        file: apply,
        find: `PERFORM set_config('synchronous_commit', CASE v_sync WHEN 'off' THEN 'local' ELSE v_sync END, true);`,
        replace: '',
        test: { file: call, title: 'N7: what was answered survives an immediate stop' },
      },
      {
        ensures: 'nothing counts as applied before the answer',
        file: `${outpost}/applier/sender.ts`,
        find: 'const answering = session.apply({',
        replace: `await journal.setStatus(transactions.map(({ seq }) => ({ from: seq, to: seq, status: { state: 'applied' } })))\n    const answering = session.apply({`,
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
        file: apply,
        find: `    IF NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    IF NOT v_group ? 's'`,
        replace: `    IF i = 0 AND NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    IF NOT v_group ? 's'`,
        test: {
          file: call,
          title: 'N8: a takeover in the midst of a CALL lets no later transaction commit, in groups of',
          filled: ' 1',
        },
      },
      {
        ensures: 'so does each transaction that goes alone',
        file: apply,
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
        file: `${outpost}/ledger/grant-site.ts`,
        find: `ALTER ROLE \${role} SET tcp_user_timeout = '30s';`,
        replace: '',
        test: { file: `${outpost}/ledger/migrate.pg.test.ts`, title: 'gives a site role its own rows' },
      },
    ],
  },
  {
    number: 'N9',
    title: 'Nothing is applied around what it depends on',
    prevents:
      'A finish that is applied although its start was rejected; a file that is rejected because its unit is still on the way from another site.',
    guards: [
      {
        ensures: 'the procedure passes a transaction over whose dependency failed',
        file: apply,
        find: 'IF cardinality(v_failed) > 0 AND v_failed && ARRAY(SELECT jsonb_array_elements_text(v_transaction->4)::bigint) THEN',
        replace: 'IF false THEN',
        test: {
          file: call,
          title: 'N9: what depends on a rejected transaction is passed over, with its own cone, in groups of',
          filled: ' 100',
        },
      },
      {
        ensures: 'and a whole group',
        file: apply,
        find: `AND (cardinality(v_failed) = 0 OR NOT v_failed && ARRAY(SELECT jsonb_array_elements_text(v_group->'d')::bigint)) THEN`,
        replace: 'THEN',
        test: {
          file: call,
          title: 'N9: what depends on a rejected transaction is passed over, with its own cone, in groups of',
          filled: ' 1',
        },
      },
      {
        ensures: 'what depends on a dead letter is parked at the site',
        file: `${outpost}/applier/batch.ts`,
        find: `return state === 'rejected' || state === 'parked'`,
        replace: `return state === 'gone'`,
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N9: parks what depends on a rejected or parked transaction',
        },
      },
      {
        ensures: 'what depends on a waiting one stays behind with it',
        file: `${outpost}/applier/batch.ts`,
        find: '|| dependsOn.some((seq) => this.#behind.has(seq))',
        replace: '',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N9: what depends on a waiting transaction stays behind',
        },
      },
      {
        ensures: 'what follows a lost transaction on the same row waits for it',
        file: `${outpost}/applier/batch.ts`,
        find: 'const seq = this.#facts.redrivenWriter(key, record.seq)',
        replace: 'const seq = undefined as Seq | undefined',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N9: what follows a lost transaction on the same row',
        },
      },
      {
        ensures: 'what is formed during a CALL is used only if all of that one was applied',
        file: `${outpost}/applier/sender.ts`,
        find: 'if (!isAsPresumed) await this.#former.dropAhead()',
        replace: 'void isAsPresumed',
        test: {
          file: `${outpost}/applier/ahead.test.ts`,
          title: 'N9: what depends on a transaction that this CALL leaves waiting',
        },
      },
      {
        ensures: 'a missing reference leaves no row before its last attempt',
        file: apply,
        find: `RETURN v_outcome || '{"o": "waiting"}';`,
        replace: 'NULL;',
        test: { file: applier, title: 'N9: lets a missing reference wait for what brings it' },
      },
      {
        ensures: 'attempts that were made are known after a restart',
        file: `${outpost}/applier/attempts.ts`,
        find: '(this.#options.journal.status(seq).attempts ?? 0)',
        replace: '0',
        test: {
          file: `${outpost}/applier/attempts.test.ts`,
          title: 'N9: goes on counting after a restart',
        },
      },
      {
        ensures: 'attempts pause after a change of main until all sites have caught up',
        file: apply,
        find: 'AND l.previous IS NOT NULL AND NOT l.attempts_released',
        replace: 'AND false',
        test: { file: contact, title: 'N9: after main was replaced a missing reference waits' },
      },
      {
        ensures: 'the last writer of every touched key is found',
        file: `${outpost}/transaction/dependency-index.ts`,
        find: 'for (const keys of [draft.writes, draft.references]) {',
        replace: 'for (const keys of [draft.writes]) {',
        test: {
          file: `${outpost}/transaction/dependency-index.test.ts`,
          title: 'N9: finds exactly the last writers',
        },
      },
    ],
  },
  {
    number: 'N10',
    title: 'What a transaction touches: rows, references, unique values',
    prevents:
      'A transaction that takes a name which another one frees, applied first: they share no row, and yet have an order.',
    guards: [
      {
        ensures: 'references are part of it',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'for (const foreignKey of table.foreignKeys) this.#refer(table, foreignKey, row)',
        replace: '',
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'of an insert names its key, its unique values',
        },
      },
      {
        ensures: 'unique values are, old ones too',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'this.#writeUnique(table, unique, before)\n      this.#writeUnique(table, unique, after)',
        replace: 'this.#writeUnique(table, unique, after)',
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'of an update of a unique column names old and new values',
        },
      },
      {
        ensures: 'triggers put a transaction in the common lane',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'if (facts.isOpaque) this.#isCommonLane = true',
        replace: '',
        test: { file: `${outpost}/transaction/conflict-set.test.ts`, title: 'is in the common lane for' },
      },
      {
        ensures: 'a unique value that is not known does',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: `if (values === undefined) this.#isCommonLane = true
    else if`,
        replace: `if (values === undefined) return
    else if`,
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'of an update of a unique column names old and new values',
        },
      },
    ],
  },
  {
    number: 'N11',
    title: 'Every error has a class, and the class decides',
    prevents:
      'A missing grant that turns the whole backlog into dead letters, or one statement time-out that blocks it for ever.',
    guards: [
      {
        ensures: 'an unknown code is retried, not rejected',
        file: `${outpost}/postgres/sqlstate.ts`,
        find: `if (deterministicCodes.has(sqlstate) || deterministicPrefixes.some(startsWith)) return 'deterministic'
  return 'transient'`,
        replace: `if (deterministicCodes.has(sqlstate) || deterministicPrefixes.some(startsWith)) return 'deterministic'
  return 'deterministic'`,
        test: { file: `${outpost}/postgres/sqlstate.test.ts`, title: 'N11: the classes are total' },
      },
      {
        ensures: 'a main that is read-only is waited for',
        file: `${outpost}/postgres/sqlstate.ts`,
        find: `  '25006',\n`,
        replace: '',
        test: {
          file: `${outpost}/postgres/sqlstate.test.ts`,
          title: 'N11: the listed codes are',
          filled: ' connectivity',
        },
      },
      {
        ensures: 'a missing grant rejects nothing',
        file: apply,
        find: `SELECT p_sqlstate <> '42501'
    AND (`,
        replace: 'SELECT (',
        test: {
          file: `${outpost}/applier/applier-faults.pg.test.ts`,
          title: 'N11: a missing grant stops and alarms',
        },
      },
      {
        ensures: 'a transaction that keeps failing alone is parked as stuck',
        file: `${outpost}/applier/suspects.ts`,
        find: 'const stuckAfter = 5',
        replace: 'const stuckAfter = 5_000_000',
        test: { file: contact, title: 'N11: one that keeps failing alone is parked as stuck' },
      },
      {
        ensures: 'and tried again',
        file: `${outpost}/applier/parking.ts`,
        find: '.filter(([, retryAtMs]) => retryAtMs <= nowMs)',
        replace: '.filter(([, retryAtMs]) => retryAtMs < 0)',
        test: { file: contact, title: 'N11: one that keeps failing alone is parked as stuck' },
      },
      {
        ensures: 'ten equal rejections of class 42 stop the applier',
        file: apply,
        find: `IF (v_streaks->-1->>'count')::integer >= 10 THEN`,
        replace: 'IF false THEN',
        test: { file: streaks, title: 'N11: ten equal class-42 rejections' },
      },
      {
        ensures: 'what succeeds elsewhere meanwhile does not hide them',
        file: apply,
        find: "WHERE NOT EXISTS (SELECT FROM unnest(p_used) u WHERE p_shapes->u = s->'shape')",
        replace: 'WHERE false',
        test: { file: streaks, title: 'N11: successes on other tables do not hide' },
      },
      {
        ensures: 'a success of the same statement shows that the schema is right',
        file: apply,
        find: "WHERE NOT EXISTS (SELECT FROM unnest(p_used) u WHERE p_shapes->u = s->'shape')",
        replace: 'WHERE true',
        test: { file: streaks, title: 'N11: a success of the same statement ends the streak' },
      },
    ],
  },
  {
    number: 'N12',
    title: 'A batch that does not arrive gets smaller',
    prevents:
      'A backlog that never drains over a slow link with cuts, because a CALL runs only when it has arrived whole.',
    guards: [
      {
        ensures: 'a failure halves the batch',
        file: `${outpost}/applier/sender.ts`,
        find: 'this.#sizing.failed(batch)',
        replace: '',
        test: { file: contact, title: 'N12: a batch that never arrives whole gets smaller' },
      },
      {
        ensures: 'success lets it grow again',
        file: `${outpost}/applier/batch-size.ts`,
        find: 'return scaled(size, call.durationMs < 2.5 * call.roundTripMs + 200 ? 4 : 2)',
        replace: 'return size',
        test: { file: `${outpost}/applier/batch-size.test.ts`, title: 'N12: grows again with success' },
      },
      {
        ensures: 'one transaction always goes',
        file: `${outpost}/applier/batch.ts`,
        find: 'if (!isRoom && this.#transactions.length > 0) {',
        replace: 'if (!isRoom) {',
        test: { file: `${outpost}/applier/batch.test.ts`, title: 'N12: one transaction always goes' },
      },
    ],
  },
]
