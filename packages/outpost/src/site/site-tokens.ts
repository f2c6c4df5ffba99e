import type { Journal } from '../journal/journal.ts'
import { epochOf, ledgerEpochOf } from '../journal/ledger-epoch.ts'
import { emptyToken, type SeenRecord, type Token } from '../position/token.ts'
import { TokenCodec } from '../position/token-codec.ts'
import type { Seq } from '../transaction/transaction.ts'

/** Makes and judges the tokens of one site (N21). */
export class SiteTokens {
  readonly #codec: TokenCodec
  readonly #siteName: string
  readonly #journal: Journal

  /** Errors: `config_invalid` for a short secret. */
  constructor(options: { readonly secretKey: string; readonly siteName: string; readonly journal: Journal }) {
    this.#codec = new TokenCodec(options.secretKey)
    this.#siteName = options.siteName
    this.#journal = options.journal
  }

  /** The token of a client that has seen this record. */
  forSeq(seq: Seq): string {
    const seen = { site: this.#siteName, epoch: ledgerEpochOf(this.#journal, seq), seq }
    return this.#codec.encode({ ...emptyToken, seen: [seen] })
  }

  /** The token of a client that has seen nothing that needs proof. */
  empty(): string {
    return this.#codec.encode(emptyToken)
  }

  /** Errors: `token_invalid`. */
  read(text: string): Token {
    return this.#codec.decode(text)
  }

  /**
   * The records of the token that this journal cannot vouch for: other sites' and those of a life of this journal
   * that it has no trace of (a restored copy). They must be found in a node's ledger.
   */
  foreign(token: Token): readonly SeenRecord[] {
    return token.seen.filter((record) => !this.#isOwn(record))
  }

  #isOwn(record: SeenRecord): boolean {
    if (record.site !== this.#siteName || record.seq > this.#journal.lastSeq) return false
    const { epoch, seq } = record
    return epoch === epochOf(this.#journal, seq) || epoch === ledgerEpochOf(this.#journal, seq)
  }
}
