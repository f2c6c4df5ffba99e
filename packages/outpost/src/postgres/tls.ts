import { readFileSync, statSync } from 'node:fs'
import { checkServerIdentity, createSecureContext } from 'node:tls'
import type { ClientConfig } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'

/**
 * How a connection is encrypted, with libpq's words and meanings
 * (https://www.postgresql.org/docs/current/libpq-ssl.html): `disable` not at all; `require` encrypted, and the
 * certificate is checked only where a root certificate is given, as `verify-ca` does; `verify-ca` by an authority of
 * `sslRootCert`; `verify-full` also in the name of the host that was asked for.
 *
 * `allow` and `prefer` are refused: both go on without encryption when somebody on the way says that there is none.
 */
export const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

export interface TlsSettings {
  /** Default `disable`. */
  readonly ssl?: SslMode
  /**
   * File of the authorities (PEM) that may vouch for the server. Left out, `verify-full` trusts those that Node knows,
   * as libpq does with `sslrootcert=system`.
   */
  readonly sslRootCert?: string
  /** File of the certificate (PEM) that this side shows to the server. */
  readonly sslCert?: string
  /** File of its key (PEM, without a passphrase), which nobody else may read. */
  readonly sslKey?: string
}

type Member = keyof TlsSettings

/** Pure: what is wrong with the settings; `nameOf` says how the reader knows a member. */
export function tlsProblems(tls: TlsSettings, nameOf: (member: Member) => string): readonly string[] {
  const { ssl = 'disable', sslRootCert, sslCert, sslKey } = tls
  const files = (['sslRootCert', 'sslCert', 'sslKey'] as const).filter((member) => tls[member] !== undefined)
  const problems: string[] = []
  if (ssl === 'disable' && files.length > 0) {
    problems.push(`${files.map(nameOf).join(', ')} must be left out where ${nameOf('ssl')} is disable`)
  }
  if (ssl === 'verify-ca' && sslRootCert === undefined) {
    problems.push(`${nameOf('sslRootCert')} is missing (verify-ca trusts every name that it has signed)`)
  }
  if ((sslCert === undefined) !== (sslKey === undefined)) {
    problems.push(`${nameOf('sslCert')} and ${nameOf('sslKey')} must be given together`)
  }
  return problems
}

/**
 * What the driver needs for one connection. The files are read anew each time, so that a renewed certificate is used
 * by the next connection. Error: `config_invalid`, naming the file.
 */
export function tlsOptions(tls: TlsSettings): Exclude<ClientConfig['ssl'], undefined> {
  const { ssl = 'disable', sslRootCert, sslCert, sslKey } = tls
  if (ssl === 'disable') return false
  const ca = sslRootCert === undefined ? undefined : readCertificates(sslRootCert)
  const isChecked = ssl !== 'require' || ca !== undefined
  const secureContext = contextOf({
    ...(ca !== undefined && { ca }),
    ...(sslCert !== undefined && { cert: readCertificates(sslCert) }),
    ...(sslKey !== undefined && { key: readKey(sslKey) }),
  })
  return {
    secureContext,
    rejectUnauthorized: isChecked,
    checkServerIdentity: ssl === 'verify-full' ? checkServerIdentity : () => undefined,
  }

  function contextOf(parts: Parameters<typeof createSecureContext>[0]) {
    try {
      return createSecureContext(parts)
    } catch (cause) {
      const files = [sslRootCert, sslCert, sslKey].filter((file) => file !== undefined).join(', ')
      throw unusable(files, `do not fit together: ${(cause as Error).message}`, cause)
    }
  }
}

function readCertificates(file: string): Buffer {
  const content = read(file)
  // Node takes anything for a list of authorities, and would then trust none of them.
  if (content.includes('-----BEGIN CERTIFICATE-----')) return content
  throw unusable(file, 'holds no certificate in PEM form')
}

/** As libpq: readable by its owner alone, or by root's group where root owns it. */
function readKey(file: string): Buffer {
  const content = read(file)
  const { mode, uid } = statSync(file)
  const forbidden = uid === 0 ? 0o037 : 0o077
  if (process.platform === 'win32' || (mode & forbidden) === 0) return content
  throw unusable(file, `is a private key that others may read (mode ${(mode & 0o777).toString(8)})`)
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw unusable(file, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
}

function unusable(file: string, what: string, cause?: unknown): OutpostError {
  return new OutpostError('config_invalid', `The TLS file ${file} ${what}.`, {
    hint: 'Give certificates as PEM files and the key of the client certificate as one that only the service may read (chmod 600). The next connection reads them again: no restart is needed.',
    details: { file },
    ...(cause !== undefined && { cause }),
  })
}
