import pg from 'pg'
import { type TlsSettings, tlsOptions } from './tls.ts'

export interface DatabaseClientConfig extends pg.ClientConfig {
  /** Files of the connection's encryption, read when it connects. */
  readonly tls?: TlsSettings
}

/**
 * The client of every connection to a database: it reads the files of its encryption when it connects, so that a renewed
 * certificate needs no restart.
 */
export class DatabaseClient extends pg.Client {
  readonly #tls: TlsSettings | undefined

  constructor(config: DatabaseClientConfig = {}) {
    // A pool hides the password from whoever lists its settings, and so from a copy of them.
    const { tls, password, ...others } = config
    const rest = password === undefined ? others : { ...others, password }
    // The driver has only to know that it is encrypted; how, is filled in below.
    super(tls === undefined ? rest : { ...rest, ssl: (tls.ssl ?? 'disable') !== 'disable' })
    this.#tls = tls
  }

  /** Error: `config_invalid` when a file of the encryption cannot be used; what the socket or the server says. */
  override connect(): Promise<pg.Client>
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void
  override connect(callback?: unknown): Promise<pg.Client> | undefined {
    const ready = this.open()
    if (callback === undefined) return ready
    const tell = callback as (error: unknown, client?: pg.Client) => void
    ready.then(
      () => tell(null, this),
      (error: unknown) => tell(error),
    )
    return undefined
  }

  /** What `connect` does, in either of its forms. */
  protected async open(): Promise<pg.Client> {
    if (this.#tls !== undefined) (this.connection as unknown as { ssl: unknown }).ssl = tlsOptions(this.#tls)
    await super.connect()
    return this
  }
}
