import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const change = `${outpost}/ledger/migrations/006-conflicts/change.ts`
const record = `${outpost}/ledger/migrations/006-conflicts/record.ts`
const attempt = `${outpost}/ledger/migrations/004-apply/attempt.ts`
const policies = `${outpost}/ledger/conflict-policies.pg.test.ts`
const partition = `${outpost}/site/conflicts.pg.test.ts`

/** N24: what becomes of a change of a row that somebody else has changed meanwhile. */
export const conflictRules: readonly Rule[] = [
  {
    number: 'N24',
    title: "A change that meets another ends as its table's policy on main says",
    prevents:
      'Two sites that changed the same row during an outage, of which the one that arrived last wins without a word; a site whose clock runs ahead and wins for ever.',
    guards: [
      {
        ensures: 'what a policy decides on goes one by one, through the policy',
        file: `${outpost}/ledger/migrations/003-statement.ts`,
        find: 'v_is_mergeable := v_policy IS NULL AND ',
        replace: 'v_is_mergeable := ',
        test: { file: policies, title: 'N24: compare and set: what was seen must still be so' },
      },
      {
        ensures: 'compare and set refuses what is no longer as it was seen',
        file: change,
        find: `IF v_kind = 'compare_and_set' AND (`,
        replace: `IF v_kind = 'compare_and_set' AND false AND (`,
        test: { file: policies, title: 'N24: compare and set: what was seen must still be so' },
      },
      {
        ensures: 'the row is locked before it is compared',
        file: change,
        find: 'WHERE %s FOR UPDATE',
        replace: 'WHERE %s',
        test: { file: policies, title: 'N24: compare and set: another change that is under way' },
      },
      {
        ensures: 'a refusal is recorded with base, mine and theirs',
        file: attempt,
        find: 'IF v_conflict IS NOT NULL THEN',
        replace: 'IF false THEN',
        test: { file: policies, title: 'N24: compare and set: what was seen must still be so' },
      },
      {
        ensures: 'an earlier stamp loses, whenever it comes',
        file: change,
        find: 'AND ((p_stamps->c->>0)::bigint > p_clock OR',
        replace: 'AND (false OR',
        test: { file: policies, title: 'N24: last writer: the later stamp stands' },
      },
      {
        ensures: 'a change that has seen what main has is later than it',
        file: change,
        find: 'WHERE NOT (v_base ? c) OR c = ANY (v_moved)',
        replace: '',
        test: { file: policies, title: 'N24: last writer: the later stamp stands' },
      },
      {
        ensures: 'a stamp too far ahead counts as made when it arrives',
        file: record,
        find: 'THEN now_ms * 65536 ELSE p_clock END',
        replace: 'THEN p_clock ELSE p_clock END',
        test: { file: policies, title: 'N24: last writer: a clock that runs ahead' },
      },
      {
        ensures: 'the newest stamp is durable before its record may be dropped',
        file: `${outpost}/applier/confirmer.ts`,
        find: 'await this.#options.onConfirming?.()',
        replace: '',
        test: { file: partition, title: 'N24, E25: a stamp never goes back over a restart' },
      },
      {
        ensures: "a site's clock follows the stamps that its replica has",
        file: `${outpost}/site/site-chores.ts`,
        find: "if (keptClock.isNeeded) keptClock.observe((await newestStamp()) ?? '0')",
        replace: 'void keptClock, newestStamp',
        test: { file: partition, title: 'N24: last writer: the later one stands' },
      },
      {
        ensures: 'what a client did not say is what its site showed',
        file: `${outpost}/site/appender.ts`,
        find: '...(await completing),',
        replace: '',
        test: { file: partition, title: 'N24: what the client did not say' },
      },
      {
        ensures: 'main takes no change of what takes new rows only',
        file: change,
        find: `IF v_kind = 'append_only' THEN`,
        replace: 'IF false THEN',
        test: { file: policies, title: 'N24: append only: main refuses' },
      },
      {
        ensures: 'nor does the site record one',
        file: `${outpost}/transaction/builder.ts`,
        find: `if (policy === 'append_only') throw appendOnly(table)`,
        replace: 'void appendOnly',
        test: {
          file: `${outpost}/transaction/policies.test.ts`,
          title: 'N24: is refused at the edge where the table takes new rows only',
        },
      },
      {
        ensures: 'an error of an own function rejects the transaction',
        file: change,
        find: `CASE WHEN left(v_state, 2) = '42' THEN v_state ELSE 'OP008' END`,
        replace: 'v_state',
        test: { file: policies, title: 'N24: own function: what it returns is set' },
      },
      {
        ensures: 'an own function that is gone or may not look stops the applier and rejects no backlog',
        file: change,
        find: `CASE WHEN left(v_state, 2) = '42' THEN v_state ELSE 'OP008' END`,
        replace: `'OP008'`,
        test: { file: policies, title: 'N11, N24: an own function that is gone stops the applier' },
      },
      {
        ensures: 'a stamp is found in whatever time zone its row is named',
        file: change,
        find: `p_is_exact boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$`,
        replace: `p_is_exact boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$`,
        test: { file: policies, title: 'N24: last writer: a row is the same one whatever time zone' },
      },
      {
        ensures: 'an own function looks no name up where somebody could put another one',
        file: change,
        find: `PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);`,
        replace: '',
        test: { file: policies, title: 'N24: own function: what it returns is set' },
      },
      {
        ensures: 'the site is told that something gave way',
        file: attempt,
        find: `CASE WHEN v_is_overruled THEN '{"overruled": true}'`,
        replace: `CASE WHEN false THEN '{"overruled": true}'`,
        test: { file: policies, title: 'N24: last writer: the later stamp stands' },
      },
      {
        ensures: 'also where the answer got lost',
        file: attempt,
        find: `'overruled', CASE WHEN EXISTS (`,
        replace: `'overruled', CASE WHEN false AND EXISTS (`,
        test: { file: policies, title: 'N24: a resent change gets its first answer' },
      },
      {
        ensures: 'a site reads of the conflicts that it had a part in, and of no other',
        file: record,
        find: '(s.name = conflict.site OR s.name = ANY (conflict.other_sites))',
        replace: 'true',
        test: {
          file: `${outpost}/ledger/least-privilege.pg.test.ts`,
          title: 'N24: reads of a conflict where it had a part in it',
        },
      },
      {
        ensures: 'the other site is told too',
        file: record,
        find: 'AND (s.is_deleted OR e.key = ANY (v_columns))',
        replace: 'AND false',
        test: { file: partition, title: 'N24, P12: both users see what happened' },
      },
    ],
  },
]
