import type { Client } from 'pg'
import type { Journal } from '../../packages/outpost/src/journal/journal.ts'
import type {
  TransactionDraft,
  TransactionRecord,
} from '../../packages/outpost/src/transaction/transaction.ts'
import { replaceMethods } from './replace-methods.ts'

// Builds that break a promise on purpose: a checker that lets one of them pass proves nothing.

/** P1 broken: the append is answered before it is on disk; what is stored comes later, if ever. */
export function answersEarly(journal: Journal): Journal {
  let ahead = 0
  return replaceMethods(journal, {
    append: (draft: TransactionDraft): Promise<TransactionRecord> => {
      ahead += 1
      const record = {
        ...draft,
        seq: journal.lastSeq + ahead,
        epoch: journal.epoch,
        bufferedAtMs: Date.now(),
      }
      setTimeout(() => {
        ahead -= 1
        void journal.append(draft)
      }, 100)
      return Promise.resolve(record)
    },
    // What was answered and is not there yet is asked for all the same.
    status: (seq) => (seq > journal.lastSeq ? { state: 'buffered' } : journal.status(seq)),
  })
}

/** P3 broken: main applies without asking its ledger what it knows already. */
export async function disableLedger(client: Client): Promise<void> {
  await client.query(`
    ALTER TABLE outpost.ledger DROP CONSTRAINT ledger_pkey, DROP CONSTRAINT ledger_transaction_id_site_key CASCADE;
    CREATE OR REPLACE FUNCTION outpost.stored_outcome(p_site text, p_epoch uuid, p_mark bigint, p_transaction jsonb)
      RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT NULL::jsonb'`)
}
