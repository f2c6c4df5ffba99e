import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const apply = `${outpost}/ledger/migrations/004-apply`
const retention = `${outpost}/applier/retention.test.ts`
const call = `${outpost}/applier/call.pg.test.ts`

/** N13-N15: when what may be forgotten. */
export const forgettingRules: readonly Rule[] = [
  {
    number: 'N13',
    title: 'The journal forgets last',
    prevents: 'A failover that loses a transaction which the journal had already dropped.',
    guards: [
      {
        ensures: 'it leaves the overlay when its row was read on the replica, not when main has it',
        file: `${outpost}/applier/confirmer.ts`,
        find: 'if (islands.length === 0) return []',
        replace: 'if (islands.length === 0) return seqs',
        test: {
          file: `${outpost}/applier/confirmer.pg.test.ts`,
          title: 'N13: confirms what the replica shows',
        },
      },
      {
        ensures: 'the retention has passed',
        file: `${outpost}/applier/retention.ts`,
        find: 'return isOld(seq, status, facts) && isOnMain(status, facts) && isCovered(status, facts)',
        replace: 'return isOnMain(status, facts) && isCovered(status, facts)',
        test: { file: retention, title: 'N13: drops a prefix of what is confirmed' },
      },
      {
        ensures: 'the lineage is still the one that it was applied on',
        file: `${outpost}/applier/retention.ts`,
        find: 'return status.lineage !== undefined && status.lineage === facts.lineage',
        replace: 'return true',
        test: { file: retention, title: 'N13: drops a prefix of what is confirmed' },
      },
      {
        ensures: 'every promotable standby has it; unknown means keep',
        file: `${outpost}/applier/retention.ts`,
        find: `if (facts.promotable === 'unknown') return false`,
        replace: `if (facts.promotable === 'unknown') return true`,
        test: { file: retention, title: 'N13, E24: keeps what a promotable standby lacks' },
      },
      {
        ensures: 'positions of another timeline cover nothing',
        file: `${outpost}/applier/retention.ts`,
        find: 'return standbyTimeline === timeline && compareLsn',
        replace: 'return compareLsn',
        test: { file: retention, title: 'N13, E24: keeps what a promotable standby lacks' },
      },
    ],
  },
  {
    number: 'N14',
    title: 'Main forgets only what the site has dropped, and remembers that it did',
    prevents: 'Pruned ledger rows that look like a gap, so that their transactions are applied again.',
    guards: [
      {
        ensures: 'the watermark moves with the rows',
        file: `${apply}/forget.ts`,
        find: 'DO UPDATE SET dropped_through = greatest(e.dropped_through, excluded.dropped_through);',
        replace: 'DO NOTHING;',
        test: { file: call, title: 'N14: what was pruned counts as present' },
      },
      {
        ensures: 'a row that a CALL names may be below the watermark',
        file: `${outpost}/ledger/migrations/002-hello.ts`,
        find: `
      OR EXISTS (SELECT FROM outpost.epoch WHERE site = p_site AND epoch = p_epoch AND dropped_through >= p_seq)`,
        replace: '',
        test: { file: call, title: 'N14: what was pruned counts as present' },
      },
      {
        ensures: 'so may one that a read needs',
        file: `${outpost}/ledger/migrations/001-ledger.ts`,
        find: `
    AND NOT EXISTS (SELECT FROM outpost.epoch WHERE site = p_site AND epoch = p_epoch AND dropped_through >= p_seq) THEN`,
        replace: ' THEN',
        test: { file: call, title: 'N14: what was pruned counts as present' },
      },
      {
        ensures: 'the comparison counts it as present',
        file: `${outpost}/ledger/migrations/002-hello.ts`,
        find: 'AND e.dropped_through >= p_from AND e.dropped_through > 0',
        replace: 'AND false',
        test: { file: call, title: 'N14: what was pruned counts as present' },
      },
      {
        ensures: 'it is not applied when an old copy of the journal sends it',
        file: `${apply}/attempt.ts`,
        find: 'IF (p_transaction->>0)::bigint <= p_mark THEN',
        replace: 'IF false THEN',
        test: {
          file: `${outpost}/applier/applier.pg.test.ts`,
          title: 'N14: main forgets what the journal dropped',
        },
      },
      {
        ensures: 'what was pruned is confirmed like what is there',
        file: `${outpost}/applier/replica-look.ts`,
        find: 'AND e.dropped_through >= $4',
        replace: 'AND e.dropped_through >= $4 AND false',
        test: {
          file: `${outpost}/site/site-rules.pg.test.ts`,
          title: 'N14: what a restored copy of the journal has pending',
        },
      },
      {
        ensures: 'main keeps what the site still has',
        file: `${outpost}/ledger/migrations/001-ledger.ts`,
        find: `
    AND seq <= (SELECT e.dropped_through FROM outpost.epoch e WHERE e.site = ledger.site AND e.epoch = ledger.epoch)`,
        replace: '',
        test: { file: `${outpost}/ledger/migrate.pg.test.ts`, title: 'gives a site role its own rows' },
      },
    ],
  },
  {
    number: 'N15',
    title: 'A replica off the lineage of main confirms nothing',
    prevents:
      'A replica that stays readable, never follows main again, and says confirmed for rows that main never had.',
    guards: [
      {
        ensures: "only a node with main's lineage row confirms",
        file: `${outpost}/applier/confirmer.ts`,
        find: 'if (!look.hasLineage) {',
        replace: `if (look.lsn === '') {`,
        test: {
          file: `${outpost}/applier/confirmer.pg.test.ts`,
          title: 'N15: what a promoted standby lacks',
        },
      },
      {
        ensures: 'a read proves the lineage in its own snapshot',
        file: `${outpost}/ledger/migrations/001-ledger.ts`,
        find: 'IF p_lineage IS NOT NULL AND NOT EXISTS',
        replace: 'IF false AND NOT EXISTS',
        test: { file: `${outpost}/ledger/migrate.pg.test.ts`, title: 'gives a site role its own rows' },
      },
      {
        ensures: 'what is retained is put back before the first read after it',
        file: `${outpost}/site/put-back.ts`,
        find: 'if (back.length > 0) overlay.putBack(back)',
        replace: '',
        test: {
          file: `${outpost}/site/site-rules.pg.test.ts`,
          title: 'N15: a replica off the lineage of main confirms nothing',
        },
      },
    ],
  },
]
