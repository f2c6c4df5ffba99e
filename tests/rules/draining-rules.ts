import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const call = `${outpost}/applier/call.pg.test.ts`
const contact = `${outpost}/applier/contact.pg.test.ts`
const applier = `${outpost}/applier/applier.pg.test.ts`
const streaks = `${outpost}/applier/rejections.pg.test.ts`
const apply = `${outpost}/ledger/migrations/004-apply`

/** N9-N12: in which order the journal drains, and what becomes of what fails. */
export const drainingRules: readonly Rule[] = [
  {
    number: 'N9',
    title: 'Nothing is applied around what it depends on',
    prevents:
      'A finish that is applied although its start was rejected; a file that is rejected because its unit is still on the way from another site.',
    guards: [
      {
        ensures: 'the procedure passes a transaction over whose dependency failed',
        file: `${apply}/procedure.ts`,
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
        file: `${apply}/procedure.ts`,
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
        find: 'dependsOn.some((seq) => this.#behind.has(seq)) ||',
        replace: '',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N9: what depends on a waiting transaction stays behind',
        },
      },
      {
        ensures: 'what follows a lost transaction on the same row waits for it',
        file: `${outpost}/applier/batch.ts`,
        find: 'const writer = this.#facts.redrivenWriter(key, record.seq)',
        replace: 'const writer = undefined as Seq | undefined',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N9: what follows a lost transaction on the same row',
        },
      },
      {
        ensures: 'what is formed during a CALL is used only if all of that one was applied',
        file: `${outpost}/applier/sender.ts`,
        find: 'if (!isWhole) await this.#former.dropAhead()',
        replace: 'if (!isWhole) this.#isCautious = true',
        test: {
          file: `${outpost}/applier/ahead.test.ts`,
          title: 'N9: what depends on a transaction that this CALL leaves waiting',
        },
      },
      {
        ensures: 'main does nothing of what was sent behind a CALL that has not applied all of its own',
        file: `${apply}/procedure.ts`,
        find: `IF p_payload ? 'after' AND NOT EXISTS (`,
        replace: 'IF false AND NOT EXISTS (',
        test: { file: call, title: 'N9, P4: does nothing of what rests on a CALL' },
      },
      {
        ensures: 'one that has refused something is not whole',
        file: `${apply}/procedure.ts`,
        find: 'WHEN v_stopped IS NULL AND cardinality(v_failed) = 0 THEN',
        replace: 'WHEN true THEN',
        test: { file: call, title: 'N9, P4: does nothing of what rests on a CALL' },
      },
      {
        ensures: 'a missing reference leaves no row before its last attempt',
        file: `${apply}/attempt.ts`,
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
        file: `${apply}/procedure.ts`,
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
      {
        ensures: 'what main has lost and then refuses holds back what is recorded behind it',
        file: `${outpost}/site/site-engine.ts`,
        find: 'this.#parts.dependencies.putBack(records)',
        replace: 'void records',
        test: {
          file: `${outpost}/site/lost-and-refused.pg.test.ts`,
          title: 'P4, N9: holds back what is recorded on its row afterwards',
        },
      },
      {
        ensures: 'what takes a row away waits for all that refer to it',
        file: `${outpost}/transaction/dependency-index.ts`,
        find: 'if (!options.isSettled?.(seq)) found.add(seq)',
        replace: '',
        test: {
          file: `${outpost}/site/kept-order.pg.test.ts`,
          title: 'N9, P4: a row that a waiting transaction refers to is deleted after that',
          filled: ', in several',
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
        find: 'const freed = this.#writeUnique(table, unique, before)',
        replace: 'const freed = undefined',
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'of an update of a unique column names old and new values',
        },
      },
      {
        ensures: 'triggers put a transaction in the common lane',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'if (facts.isOpaque) this.#keepPlace(',
        replace: 'if (facts === null) this.#keepPlace(',
        test: { file: `${outpost}/transaction/conflict-set.test.ts`, title: 'is in the common lane for' },
      },
      {
        ensures: 'a unique value that is not known does',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'if (values === undefined) this.#keepPlace(',
        replace: 'if (values === null) this.#keepPlace(',
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'of an update of a unique column names old and new values',
        },
      },
      {
        ensures: 'what takes a row away says so',
        file: `${outpost}/transaction/conflict-set.ts`,
        find: 'this.#references.add(leavingKey(key))',
        replace: '',
        test: {
          file: `${outpost}/transaction/conflict-set.test.ts`,
          title: 'names where its place counts, for',
          filled: ' a row that others may only forbid to go',
        },
      },
      {
        ensures: 'what may have touched the same as one that stays in line stays too',
        file: `${outpost}/applier/batch.ts`,
        find: 'this.#held.holds(record)',
        replace: 'false',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'one stays behind what waits and may have touched the same',
        },
      },
      {
        ensures: 'and in one batch follows it',
        file: `${outpost}/applier/batch.ts`,
        find: 'const followed = this.#lanes.take({ seq, references, writes })',
        replace: 'const followed = (this.#lanes.take({ seq, references, writes }), new Set<Seq>())',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'one follows within a batch what may have touched the same',
        },
      },
      {
        ensures: 'what main lets wait keeps its lanes',
        file: `${outpost}/applier/batch-former.ts`,
        find: 'for (const touch of touched) if (left.has(touch.seq)) this.#pass.held.add(touch)',
        replace: '',
        test: {
          file: `${outpost}/site/kept-order.pg.test.ts`,
          title: 'N10: a name that an update frees unnamed is taken after it',
          filled: ', in several',
        },
      },
      {
        ensures: 'what main refuses lets the rest of the lane go',
        file: `${outpost}/applier/sender.ts`,
        find: 'if (hasFree(outcomes, blocked)) this.startOver()',
        replace: '',
        test: {
          file: `${outpost}/site/kept-order.pg.test.ts`,
          title: 'N10, P5: what main refuses in the common lane holds nothing else there back',
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
        file: `${apply}/attempt.ts`,
        find: `SELECT p_sqlstate <> '42501'
    AND (`,
        replace: 'SELECT (',
        test: {
          file: `${outpost}/applier/applier-faults.pg.test.ts`,
          title: 'N11: a missing grant rejects nothing',
        },
      },
      {
        ensures: "what main refuses a transaction's own statements holds back its cone alone",
        file: `${apply}/attempt.ts`,
        find: ' AND (v_shape IS NULL OR NOT outpost.is_of_contact(SQLSTATE)) THEN',
        replace: ' THEN',
        test: { file: `${outpost}/applier/stuck.pg.test.ts`, title: 'P5, N11: a row that a policy refuses' },
      },
      {
        ensures: 'a role that may not write the ledger stops the applier',
        file: `${apply}/attempt.ts`,
        find: '(v_shape IS NULL OR NOT outpost.is_of_contact(SQLSTATE))',
        replace: 'NOT outpost.is_of_contact(SQLSTATE)',
        test: {
          file: `${outpost}/applier/stuck.pg.test.ts`,
          title: 'N11: a role that may not write the ledger',
        },
      },
      {
        ensures: 'one that main is lost with again and again is to blame too',
        file: `${outpost}/applier/suspects.ts`,
        find: 'const stuckAfterLosses = 20',
        replace: 'const stuckAfterLosses = 20_000_000',
        test: {
          file: `${outpost}/applier/applier-recovery.test.ts`,
          title: 'P5, N11: one that main is lost with',
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
        find: 'retryAtMs <= nowMs && ',
        replace: 'retryAtMs < 0 && ',
        test: { file: contact, title: 'N11: one that keeps failing alone is parked as stuck' },
      },
      {
        ensures: 'ten equal rejections of class 42 stop the applier',
        file: `${apply}/procedure.ts`,
        find: `IF (v_streaks->-1->>'count')::integer >= 10 THEN`,
        replace: 'IF false THEN',
        test: { file: streaks, title: 'N11: ten equal class-42 rejections' },
      },
      {
        ensures: 'what succeeds elsewhere meanwhile does not hide them',
        file: `${apply}/streak.ts`,
        find: "WHERE NOT EXISTS (SELECT FROM unnest(p_used) u WHERE p_shapes->u = s->'shape')",
        replace: 'WHERE false',
        test: { file: streaks, title: 'N11: successes on other tables do not hide' },
      },
      {
        ensures: 'a success of the same statement shows that the schema is right',
        file: `${apply}/streak.ts`,
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
