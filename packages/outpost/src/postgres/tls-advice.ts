/** What to do about a connection that TLS ended, by the code that Node gives to the error. In the order of the look-up. */
const advice: readonly (readonly [RegExp, string])[] = [
  [
    /^CERT_HAS_EXPIRED$/,
    'The certificate that the server shows has expired: renew it there and reload the server. Sites need no restart.',
  ],
  [/^CERT_NOT_YET_VALID$/, 'The certificate is not valid yet: compare the clocks of both machines.'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$|^HOSTNAME_MISMATCH$/,
    'The certificate was made for other names: connect by a name (or address) that it has, or have one made with this name as subjectAltName.',
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)/,
    'No authority that is trusted here signed the certificate: give the authority’s file as sslrootcert (MAIN_DB_SSLROOTCERT, LOCAL_DB_SSLROOTCERT; in a program `sslRootCert`), and look whether this is the right server.',
  ],
  [
    /^CERT_/,
    'Look at the certificate that the server shows: openssl s_client -starttls postgres -connect host:port',
  ],
  [
    /^ERR_SSL_.*ALERT/,
    'The server refused the certificate that this site shows: renew it (sslcert, sslkey), or look at the log of the server and at its ssl_ca_file. The next connection reads the files again.',
  ],
]

/**
 * Pure: what to do about an error with which TLS ended a connection, undefined for any other. Errors that wrap such a
 * one count as it.
 */
export function tlsAdvice(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = String((at as NodeJS.ErrnoException).code)
    const found = advice.find(([pattern]) => pattern.test(code))
    if (found) return found[1]
    if (saysNoEncryption(at)) return noEncryption
  }
  return undefined
}

const noEncryption =
  'MAIN_DB_SSLMODE (for the replica LOCAL_DB_SSLMODE; in a program `ssl`) asks for an encrypted connection and the server has none: give it a certificate and `ssl = on`, or set it to `disable` where the way to it is safe.'

/** The driver's own words: it has no code for this. */
const saysNoEncryption = ({ message }: Error) =>
  message.startsWith('The server does not support SSL connections')
