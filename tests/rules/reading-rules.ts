import type { Rule } from './rule.ts'

const outpost = 'packages/outpost/src'
const service = 'packages/ops-db-api/src'
const schemaChange = `${outpost}/site/schema-change.pg.test.ts`
const overlay = `${outpost}/overlay/rules.pg.test.ts`
const site = `${outpost}/site/site-rules.pg.test.ts`
const tokenReads = `${outpost}/site/token-reads.pg.test.ts`

/** N16-N21: merged reads. */
export const readingRules: readonly Rule[] = [
  {
    number: 'N16',
    title: 'The version of the overlay is taken before the snapshot, and kept to its end',
    prevents: 'A row that is missed because it left the overlay after the snapshot was taken that lacks it.',
    guards: [
      {
        ensures: 'what a statement under way needs stays until it ends',
        file: `${outpost}/overlay/pins.ts`,
        find: 'if (this.#open.size === 0 && this.#removals.length === 0) this.#remove(seqs)',
        replace: 'if (this.#removals.length === 0) this.#remove(seqs)',
        test: { file: overlay, title: 'N16: what is confirmed while a statement is under way' },
      },
      {
        ensures: 'a fixed snapshot sees what was pinned and nothing later',
        file: `${outpost}/overlay/create-overlay.ts`,
        find: 'this.#view(plan, options.coverage, pin?.version)',
        replace: 'this.#view(plan, options.coverage)',
        test: { file: overlay, title: 'N16: a fixed snapshot keeps the version' },
      },
      {
        ensures: 'a pin ends at its deadline',
        file: `${outpost}/overlay/pins.ts`,
        find: 'void this.#clock.sleep(deadlineMs, end.signal).then(release)',
        replace: 'void deadlineMs',
        test: { file: overlay, title: 'N16: a pin that is not released ends at its deadline' },
      },
      {
        ensures: 'what was recorded after it and shows by half sends the statement again',
        file: `${outpost}/overlay/overtaking.ts`,
        find: 'if (isVague || (slots ? slots.has(slot) : index.oldestSeq(slot) <= then.version)) return true',
        replace: '',
        test: { file: `${outpost}/overlay/overtaking.pg.test.ts`, title: 'N16: is not shown by half' },
      },
      {
        ensures: 'the site knows what it has sent when an answer comes',
        file: `${outpost}/applier/sender.ts`,
        find: 'this.#options.onSend?.(',
        replace: 'void (',
        test: {
          file: `${outpost}/site/overtaken-read.pg.test.ts`,
          title: 'N16: shows a transaction as a whole',
        },
      },
    ],
  },
  {
    number: 'N17',
    title: 'Each merged read carries what a node must show',
    prevents: 'A row that is taken out because one replica had it, and is then missed on another that lags.',
    guards: [
      {
        ensures: 'a statement names the floor, and a node without it refuses',
        file: `${outpost}/overlay/create-overlay.ts`,
        find: '? [floor, ...points] : points',
        replace: '? [] : []',
        test: { file: overlay, title: 'N17: a node without the ledger row' },
      },
      {
        ensures: 'what left late is proven too',
        file: `${outpost}/overlay/floor.ts`,
        find: '[newest, ...this.#late]',
        replace: '[newest]',
        test: { file: overlay, title: 'N17: a transaction taken out after a newer one' },
      },
      {
        ensures: 'what is put back lowers the floor',
        file: `${outpost}/overlay/create-overlay.ts`,
        find: 'this.#floor.fallBelow(seqs)',
        replace: 'void seqs',
        test: { file: overlay, title: 'N17: a node without the ledger row' },
      },
      {
        ensures: 'a lagging replica serves with everything retained over it',
        file: `${outpost}/site/put-back.ts`,
        find: 'if (back.length > 0) overlay.putBack(back)',
        replace: '',
        test: { file: site, title: 'N17: what one replica had shown is not missed' },
      },
      {
        ensures: 'a restart does not forget the floor',
        file: `${outpost}/site/site-engine.ts`,
        find: 'overlay.fold(await journal.getMany(',
        replace: 'void (await journal.getMany(',
        test: { file: site, title: 'N17: nor after a restart' },
      },
    ],
  },
  {
    number: 'N18',
    title: "Main's row of a pending key is kept out by the key alone",
    prevents:
      'A stale row of main that is served because the pending change moved it out of the predicate that pruned the change.',
    guards: [
      {
        ensures: 'the key of a row that does not match any more is still excluded',
        file: `${outpost}/overlay/carry/choose-slots.ts`,
        find: `(this.#mayMatch(slot) ? 'carry' : 'exclude')`,
        replace: `(this.#mayMatch(slot) ? 'carry' : 'leave_out')`,
        test: {
          file: overlay,
          title: 'N18: a change that moves a row out of the predicate, counted row by row',
        },
      },
      {
        ensures: 'a returned key that is pending is excluded and the statement run again',
        file: `${outpost}/overlay/merged-read.ts`,
        find: 'const more = pendingAmong(read, optimistic, view)',
        replace: 'const more: readonly number[] = pendingAmong(read, optimistic, view).slice(0, 0)',
        test: { file: overlay, title: 'N18: a returned row that turns out to be pending' },
      },
      {
        ensures: 'images are pruned only by types whose equality is exact',
        file: `${outpost}/overlay/encode/table-shape.ts`,
        find: 'type.hasExactEquality && (type.kind',
        replace: '(type.kind',
        test: {
          file: overlay,
          title: 'N18: images are not pruned by a column whose equality only PostgreSQL knows',
        },
      },
      {
        ensures: 'a collation that calls unlike texts equal is not exact',
        file: `${outpost}/postgres/introspect-types.ts`,
        find: 'if (!use.hasExactCollation) return false',
        replace: '',
        test: {
          file: `${outpost}/postgres/introspect.pg.test.ts`,
          title: 'N18: claim exact equality only where one value has one text',
        },
      },
    ],
  },
  {
    number: 'N19',
    title: 'A pending patch lands on the row of the same snapshot',
    prevents: 'A column that another site changed, replicated here, and that goes back to what it was.',
    guards: [
      {
        ensures: "columns that the patch leaves alone come from the statement's own base row",
        file: `${outpost}/overlay/sql/shadow-cte.ts`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source.
        find: 'merged.get(column.index) ?? `b.${ident(column)}`',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source.
        replace: 'merged.get(column.index) ?? `NULL::${column.column.type.nameWithModifier}`',
        test: { file: overlay, title: 'N19: a patch lands on the row of the same snapshot' },
      },
      {
        ensures: 'the tables of that snapshot have the form for which the pending rows were folded',
        file: `${outpost}/overlay/sql/merged-text.ts`,
        find: 'history === undefined ? [] : [sameSchema(newestVersion(history))]',
        replace: 'history === undefined ? [sameSchema(newestVersion([]))] : []',
        test: { file: schemaChange, title: 'N19, P2, P3: a migration reverted' },
      },
      {
        ensures: 'what was recorded before a migration is folded in its new form',
        file: `${outpost}/overlay/create-overlay.ts`,
        find: 'return liftedOrAsIs(record, this.#options.history?.() ?? history, history)',
        replace: 'return liftedOrAsIs(record, undefined, this.#options.history?.() ?? history)',
        test: {
          file: schemaChange,
          title: 'N6, N19, P2, P3, P6: the backlog is read and applied, once, in the new form: ',
          filled: "'a column renamed'",
        },
      },
    ],
  },
  {
    number: 'N20',
    title: 'What was refused or is held back stays visible until someone acts',
    prevents:
      'An observation that disappears from the lists on the very day when somebody should look after it.',
    guards: [
      {
        ensures: 'rejected and parked transactions are pending',
        file: `${outpost}/transaction/state.ts`,
        find: `return state === 'buffered' || state === 'applied' || state === 'rejected' || state === 'parked'`,
        replace: `return state === 'buffered' || state === 'applied'`,
        test: { file: site, title: 'N20: a refused change stays visible after a restart' },
      },
      {
        ensures: "of a refused insert whose key main has, main's row is served",
        file: `${outpost}/overlay/create-overlay.ts`,
        find: 'held: this.#heldSeqs(),',
        replace: 'held: new Set<Seq>(),',
        test: { file: overlay, title: 'N20: of a refused insert whose key main has' },
      },
      {
        ensures: 'also where the statement does not name the key',
        file: `${outpost}/overlay/carry/table-carry.ts`,
        find: 'columnNames && new Set([...columnNames, ...keyNames])',
        replace: 'columnNames && new Set([...columnNames, ...keyNames.slice(0, 0)])',
        test: { file: overlay, title: 'N20: of a refused insert whose key main has' },
      },
      {
        ensures: 'and by its key',
        file: `${outpost}/site/row-reads.ts`,
        find: `    state !== 'rejected' &&
    state !== 'parked' &&`,
        replace: `    state !== 'gone' &&`,
        test: { file: site, title: 'N20: a refused change stays visible with its state' },
      },
    ],
  },
  {
    number: 'N21',
    title: 'Absent is said only where it is proven',
    prevents: 'A 404 for a row that exists and has not arrived here yet.',
    guards: [
      {
        ensures: 'a row that no database can vouch for is not here yet',
        file: `${outpost}/site/row-reads.ts`,
        find: 'if (!isUnreachable(error)) throw error\n',
        replace: 'if (!isUnreachable(error)) throw error\n    if (image === undefined) return undefined\n',
        test: { file: site, title: 'N21: a row that no database can vouch for' },
      },
      {
        ensures: 'a replica alone proves no absence',
        file: `${service}/resources/proven-row.ts`,
        find: `if (found !== undefined || site.readsMainOnly) return found`,
        replace: 'return found',
        test: {
          file: `${service}/server/service.pg.test.ts`,
          title: 'N21: finish before start is 404 once main has proven it',
        },
      },
      {
        ensures: 'a token that names a record which is not here is waited for, then refused',
        file: `${outpost}/site/arrived.ts`,
        find: '  if (missing) {',
        replace: '  if (missing && seen.length === 0) {',
        test: { file: site, title: "N21: a token of another site's record is waited for briefly" },
      },
      {
        ensures:
          'what has arrived on the node does not cover what others made of it since, whatever keeps it pending',
        file: `${outpost}/overlay/carry/collect.ts`,
        find: 'links.filter(({ seq }) => !arrived.has(seq))',
        replace: 'links',
        test: { file: tokenReads, title: 'N21: shows what it made of a row that a long read keeps' },
      },
      {
        ensures: 'also while the answer of main is under way',
        file: `${outpost}/site/arrived.ts`,
        find: '...(await byId(node, [...untold], options))',
        replace: '...[...untold].slice(untold.size)',
        test: { file: tokenReads, title: 'N21: shows what it made of a row whose outcome main has not' },
      },
      {
        ensures: 'a number alone does not say that it has arrived',
        file: `${outpost}/site/arrived.ts`,
        find: 'if (here.has(id)) found.push(seq)',
        replace: 'if (here.has(id) || !here.has(id)) found.push(seq)',
        test: { file: tokenReads, title: 'P6, N21: takes nothing for arrived that has only its number' },
      },
      {
        ensures: 'what was put back meanwhile is looked for, too',
        file: `${outpost}/overlay/create-overlay.ts`,
        find: 'if (returns === this.#returns) return read',
        replace: 'if (returns >= 0) return read',
        test: { file: overlay, title: 'N21: what is put back while it is asked' },
      },
      {
        ensures: 'no pending row answers for itself then',
        file: `${outpost}/site/row-reads.ts`,
        find: 'options.seen ? undefined : await',
        replace: 'await',
        test: { file: tokenReads, title: 'N21: answers no pending row from the journal alone' },
      },
      {
        ensures: 'main is asked for an absent row with the same token',
        file: `${service}/resources/proven-row.ts`,
        find: 'return rowOnMain(site, resource, id, options.token)',
        replace: 'return rowOnMain(site, resource, id)',
        test: {
          file: `${service}/resources/proven-row.pg.test.ts`,
          title: 'N21: a row that another site deleted',
        },
      },
    ],
  },
]
