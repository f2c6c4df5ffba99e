import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const apply = `${outpost}/ledger/migrations/004-apply`
const call = `${outpost}/applier/call.pg.test.ts`
const identity = `${outpost}/applier/identity.pg.test.ts`
const replay = `${outpost}/applier/replay.pg.test.ts`

/** N1-N4: who wrote what, and which server is which. */
export const identityRules: readonly Rule[] = [
  {
    number: 'N1',
    title: 'The ledger says of each transaction what became of it',
    prevents:
      'A transaction that is applied twice because main cannot tell it from a new one, or lost because it takes it for an old one.',
    guards: [
      {
        ensures: 'a transaction has one row across all epochs',
        file: `${outpost}/ledger/migrations/001-ledger.ts`,
        find: '  UNIQUE (transaction_id, site)',
        replace: '  UNIQUE (transaction_id, site, seq)',
        test: { file: call, title: 'N1: a place in the ledger is taken once' },
      },
      {
        ensures: 'a rejection is recorded with its reason',
        file: `${outpost}/ledger/migrations/004-apply/attempt.ts`,
        find: `'rejected', decode(p_transaction->>2, 'hex'), v_state,`,
        replace: `'rejected', decode(p_transaction->>2, 'hex'), NULL,`,
        test: { file: call, title: 'N1: a ledger row says which transaction it was' },
      },
      {
        ensures: "a site's role cannot change a row",
        file: `${outpost}/ledger/grant-plan.ts`,
        find: 'GRANT INSERT, DELETE ON outpost.ledger, outpost.idempotency TO',
        replace: 'GRANT INSERT, DELETE, UPDATE ON outpost.ledger, outpost.idempotency TO',
        test: { file: `${outpost}/ledger/migrate.pg.test.ts`, title: 'gives a site role its own rows' },
      },
    ],
  },
  {
    number: 'N2',
    title: 'A number that stands for another transaction is no duplicate',
    prevents:
      'New writes of a restored copy of the journal that are swallowed because their numbers were used before, or old ones that are doubled.',
    guards: [
      {
        ensures: 'a transaction is looked for by its id, not by its number',
        file: `${apply}/attempt.ts`,
        find: 'SELECT * INTO v_row FROM outpost.ledger WHERE site = p_site AND transaction_id = (p_transaction->>1)::uuid;',
        replace:
          'SELECT * INTO v_row FROM outpost.ledger WHERE site = p_site AND epoch = p_epoch AND seq = (p_transaction->>0)::bigint;',
        test: { file: identity, title: 'N2: a seq that stands for another transaction' },
      },
      {
        ensures: 'main says that a number is taken',
        file: `${apply}/attempt.ts`,
        find: `RETURN '{"o": "taken"}';`,
        replace: 'NULL;',
        test: { file: identity, title: 'N2: a seq that stands for another transaction' },
      },
      {
        ensures: 'the transactions of a fenced epoch go under a new one',
        file: `${outpost}/applier/reconciler.ts`,
        find: 'await this.#moves.move(taken, fresh)',
        replace: 'void fresh',
        test: { file: identity, title: 'N2: a seq that stands for another transaction' },
      },
      {
        ensures: 'each is looked for under the epoch that it stands under',
        file: `${outpost}/journal/ledger-epoch.ts`,
        find: 'journal.status(seq).epoch ?? epochOf(journal, seq)',
        replace: 'epochOf(journal, seq)',
        test: {
          file: `${outpost}/site/site-rules.pg.test.ts`,
          title: 'N2: what stands in the ledger under an epoch that was fenced',
        },
      },
      {
        ensures: 'an epoch that ended on main may not write again',
        file: `${outpost}/ledger/migrations/002-hello.ts`,
        find: 'IF v_ended IS NOT NULL THEN',
        replace: 'IF false THEN',
        test: { file: call, title: 'N2: an epoch that ended is fenced' },
      },
      {
        ensures: 'every opening of the journal is a life of its own',
        file: `${outpost}/journal/lmdb/open.ts`,
        find: '    await journal.openEpoch()\n    return journal',
        replace: '    if (journal.epochs.length === 0) await journal.openEpoch()\n    return journal',
        test: {
          file: `${outpost}/journal/lmdb/conformance.test.ts`,
          suite: `${outpost}/journal/conformance/opening.spec-suite.ts`,
          title: 'N2: every opening begins a new epoch',
        },
      },
    ],
  },
  {
    number: 'N3',
    title: 'A replay is a transaction of its own',
    prevents:
      'A replay that meets its old rejection for ever, and a re-drive that brings back what was discarded.',
    guards: [
      {
        ensures: 'the record says which transaction it replaces',
        file: `${outpost}/journal/record-codec.ts`,
        find: '  if (draft.replaces !== undefined) record.replaces = draft.replaces\n',
        replace: '',
        test: {
          file: `${outpost}/journal/lmdb/conformance.test.ts`,
          suite: `${outpost}/journal/conformance/append.spec-suite.ts`,
          title: 'a record is the same after stop and open',
        },
      },
      {
        ensures: 'what was dealt with is not driven again',
        file: `${outpost}/applier/ledger-comparison.ts`,
        find: `['applied', 'replicated', 'retained', 'rejected']`,
        replace: `['applied', 'replicated', 'retained', 'rejected', 'superseded', 'discarded']`,
        test: { file: replay, title: 'N3: is applied again when main lost it' },
      },
      {
        ensures: 'a replay is driven again like any other',
        file: `${outpost}/applier/ledger-comparison.ts`,
        find: 'const records = read.filter(({ seq }) => isSettled(seq) && !decided.isClaimed(seq))',
        replace: 'const records = read.filter(({ replaces }) => replaces === undefined)',
        test: { file: replay, title: 'N3: is applied again when main lost it' },
      },
      {
        ensures: 'what waited for a dead letter waits for the decision about it',
        file: `${outpost}/applier/batch.ts`,
        find: 'const seq = this.#facts.standIn(dependency)',
        replace: 'const seq = dependency',
        test: {
          file: `${outpost}/applier/batch.test.ts`,
          title: 'N3: parks behind the decision what waited for its dead letter',
        },
      },
      {
        ensures: 'main refuses a decision about what was applied after all',
        file: `${outpost}/ledger/migrations/004-apply/decide.ts`,
        find: "WHERE site = p_site AND transaction_id = ANY (v_ids) AND outcome = 'applied' LIMIT 1;",
        replace: 'WHERE false;',
        test: { file: replay, title: 'N3: main rejects a decision about what was applied after all' },
      },
      {
        ensures: 'main never applies what was decided on',
        file: `${outpost}/ledger/migrations/004-apply/attempt.ts`,
        find: 'JOIN outpost.decided d ON d.site = p_site AND d.transaction_id = (t.x->>1)::uuid',
        replace: 'JOIN outpost.decided d ON false',
        test: { file: replay, title: 'N3: what was decided on and comes again from an old copy' },
      },
      {
        ensures: 'states that a crash has lost follow from the records',
        file: `${outpost}/site/site-engine.ts`,
        find: 'for (const record of this.#parts.recoveredDecisions) await this.deadLetters.recovered(record)',
        replace: '',
        test: {
          file: 'tests/dead-letters-lost.cluster.test.ts',
          title: 'after a crash that lost the states',
        },
      },
    ],
  },
  {
    number: 'N4',
    title: 'A position belongs to a lineage',
    prevents:
      'Two standbys that were promoted apart and carry the same identifier and timeline, taken for one server; tokens of commits that a crash can still undo.',
    guards: [
      {
        ensures: 'each main writes a random row of its own at first contact',
        file: `${outpost}/ledger/migrations/002-hello.ts`,
        find: `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, previous, lsn)
  VALUES (coalesce`,
        replace: `INSERT INTO outpost.lineage (id, ordinal, system_identifier, timeline, previous, lsn)
  VALUES (md5(v_system || v_timeline)::uuid, coalesce`,
        test: { file: `${outpost}/ledger/lineage.pg.test.ts`, title: 'N4: two standbys promoted apart' },
      },
      {
        ensures: 'a main outside the remembered lineage is refused',
        file: `${outpost}/applier/greeting.ts`,
        find: 'remembered: this.#journal.getFact(lineageFact),',
        replace: 'remembered: undefined,',
        test: { file: identity, title: 'N4: a main that does not descend' },
      },
      {
        ensures: 'the operator can accept it',
        file: `${outpost}/applier/applier.ts`,
        find: 'acceptMain(): void {',
        replace: 'acceptMain(): void {\n    if (this.#running !== undefined) return',
        test: { file: identity, title: 'N4: a main that does not descend' },
      },
      {
        ensures: 'a main that descends from it is accepted without asking',
        file: `${outpost}/ledger/migrations/002-hello.ts`,
        find: 'IF p_remembered IS NOT NULL AND NOT EXISTS (SELECT FROM outpost.lineage WHERE id = p_remembered) THEN',
        replace: 'IF p_remembered IS DISTINCT FROM outpost.current_lineage() THEN',
        test: { file: `${outpost}/ledger/lineage.pg.test.ts`, title: 'N4: two standbys promoted apart' },
      },
      {
        ensures: 'positions of commits that are not flushed are marked volatile',
        file: `${outpost}/postgres/server-facts.ts`,
        find: `const isVolatile = facts.role === 'primary' && facts.synchronousCommit === 'off'`,
        replace: 'const isVolatile = false',
        test: {
          file: `${outpost}/postgres/server-facts.pg.test.ts`,
          title: 'N4: the position of commits that were not flushed',
        },
      },
    ],
  },
]
