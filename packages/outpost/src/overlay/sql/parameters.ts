/** A parameter that the rewritten statement adds after the caller's. */
export type AddedParameter =
  /** Number of a transaction that the node must have. */
  | { readonly kind: 'proven_seq'; readonly index: number }
  /** Complete new rows as an array of the table's row type; `guarded` for those of N20. */
  | { readonly kind: 'inserts'; readonly table: string; readonly guarded: boolean }
  /** One column of the new rows, where these do not travel whole. */
  | { readonly kind: 'insert_value'; readonly table: string; readonly column: number }
  /**
   * Keys whose rows of main are not shown, one array per key column: all, or those of pending inserts and of the
   * others apart.
   */
  | {
      readonly kind: 'excluded'
      readonly table: string
      readonly key: number
      readonly which: 'all' | 'inserted' | 'changed'
    }
  /** The oldest transaction that inserted one of the carried rows, and the epochs that it and later ones are of. */
  | { readonly kind: 'oldest_insert'; readonly table: string }
  | { readonly kind: 'insert_epochs'; readonly table: string }
  /** Keys of patched rows. */
  | { readonly kind: 'patch_key'; readonly table: string; readonly key: number }
  | { readonly kind: 'patch_value'; readonly table: string; readonly column: number }
  /** Whether each patch sets the column. */
  | { readonly kind: 'patch_set'; readonly table: string; readonly column: number }
  /** The same for rows whose key was changed: the keys to look under, likeliest first. */
  | {
      readonly kind: 'move_key'
      readonly table: string
      readonly key: number
      readonly choice: number
    }
  | { readonly kind: 'move_value'; readonly table: string; readonly column: number }
  | { readonly kind: 'move_set'; readonly table: string; readonly column: number }

/** Hands out `$n` after the caller's own and remembers what each is for. */
export class AddedParameters {
  readonly list: AddedParameter[] = []
  readonly #first: number

  constructor(callersCount: number) {
    this.#first = callersCount + 1
  }

  add(parameter: AddedParameter, type: string): string {
    this.list.push(parameter)
    return `$${this.#first + this.list.length - 1}::${type}`
  }
}
