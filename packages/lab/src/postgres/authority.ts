import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LabMissing } from '../errors/lab-error.ts'
import { runCommand } from '../process/run-command.ts'
import type { PostgresServer } from './server.ts'

/** A certificate and its key, as files in PEM form. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface CertificateRequest {
  /** Common name: the role that a client's certificate stands for. Default `server`. */
  readonly name?: string
  /** For whom it stands, as openssl writes it; `IP:127.0.0.1,DNS:localhost` unless told. */
  readonly alternativeNames?: string
  /** From now on; below zero it has expired already. Default 30. */
  readonly days?: number
}

const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

/** A certificate authority of a test's own, made with openssl in a temporary folder. */
export class Authority {
  readonly folder: string
  /** File of the authority's own certificate: what `sslrootcert` and `ssl_ca_file` name. */
  readonly cert: string

  private constructor(folder: string) {
    this.folder = folder
    this.cert = join(folder, 'ca.crt')
  }

  /** Errors: {@link LabMissing} where openssl is not installed. */
  static async create(name = 'lab authority'): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'outpost-authority-')))
    // The server reads its files as another user where the tests run as root.
    await chmod(authority.folder, 0o755)
    const out = ['-keyout', authority.#key, '-out', authority.cert, '-days', '30']
    await openssl(['req', '-x509', ...newKey, '-subj', `/CN=${name}`, ...out])
    return authority
  }

  get #key(): string {
    return join(this.folder, 'ca.key')
  }

  /** Makes a certificate that this authority has signed. */
  async issue(request: CertificateRequest = {}): Promise<Certificate> {
    const { name = 'server', alternativeNames = 'IP:127.0.0.1,DNS:localhost', days = 30 } = request
    const base = join(this.folder, randomUUID().slice(0, 8))
    const [key, cert, csr, ext] = [`${base}.key`, `${base}.crt`, `${base}.csr`, `${base}.ext`]
    await openssl(['req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`])
    await writeFile(ext, `subjectAltName=${alternativeNames}\n`)
    const signer = ['-CA', this.cert, '-CAkey', this.#key, '-set_serial', String(Date.now())]
    await openssl([
      'x509',
      '-req',
      '-in',
      csr,
      ...signer,
      '-days',
      String(days),
      '-extfile',
      ext,
      '-out',
      cert,
    ])
    await chmod(key, 0o600)
    return { cert, key }
  }

  /** Puts another certificate in the place of one, as a renewal does: the paths stay the same. */
  async renew(old: Certificate, request: CertificateRequest = {}): Promise<void> {
    const fresh = await this.issue(request)
    await rename(fresh.key, old.key)
    await rename(fresh.cert, old.cert)
  }

  /** Removes every file that was made. */
  destroy(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }
}

/**
 * Makes a running server take encrypted connections with this certificate; new connections meet it. With `clients` it
 * also checks the certificates that clients show against that authority.
 */
export async function encrypt(
  server: PostgresServer,
  certificate: Certificate,
  options: { readonly clients?: Authority } = {},
): Promise<void> {
  await server.own(certificate.key)
  await server.setConfig({
    ssl: true,
    ssl_cert_file: certificate.cert,
    ssl_key_file: certificate.key,
    ...(options.clients && { ssl_ca_file: options.clients.cert }),
  })
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await runCommand('openssl', args)
  } catch (error) {
    const { cause } = error as { readonly cause?: NodeJS.ErrnoException }
    if (cause?.code !== 'ENOENT') throw error
    throw new LabMissing(
      'openssl is not installed.',
      'Install it, for instance with: apt-get install openssl',
    )
  }
}
