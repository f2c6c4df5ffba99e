import { describe, expect, it } from 'vitest'
import { classify } from './sqlstate.ts'
import { type TlsSettings, tlsProblems } from './tls.ts'
import { tlsAdvice } from './tls-advice.ts'

describe('what is wrong with the settings of TLS', () => {
  const problems = (tls: TlsSettings) => tlsProblems(tls, (member) => member)

  it('is nothing for what libpq takes too', () => {
    for (const tls of [
      {},
      { ssl: 'disable' },
      { ssl: 'require' },
      { ssl: 'require', sslRootCert: 'ca' },
      { ssl: 'verify-ca', sslRootCert: 'ca' },
      { ssl: 'verify-full' },
      { ssl: 'verify-full', sslRootCert: 'ca', sslCert: 'cert', sslKey: 'key' },
    ] as const) {
      expect(problems(tls)).toEqual([])
    }
  })

  it('P9: names every one of them', () => {
    expect(problems({ sslRootCert: 'ca', sslCert: 'cert' })).toEqual([
      'sslRootCert, sslCert must be left out where ssl is disable',
      'sslCert and sslKey must be given together',
    ])
    expect(problems({ ssl: 'verify-ca' })).toEqual([
      'sslRootCert is missing (verify-ca trusts every name that it has signed)',
    ])
  })
})

describe('what to do about an error of TLS', () => {
  it.each([
    ['CERT_HAS_EXPIRED', /has expired: renew it/],
    ['CERT_NOT_YET_VALID', /clocks/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /subjectAltName/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /SSLROOTCERT/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /SSLROOTCERT/],
    ['CERT_REVOKED', /openssl s_client/],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /sslcert, sslkey/],
  ])('N11: %s is of the configuration, says what to do, also inside another error', (code, hint) => {
    const error = Object.assign(new Error('tls'), { code })
    expect(classify(error)).toBe('configuration')
    expect(tlsAdvice(new Error('outer', { cause: error }))).toMatch(hint)
  })

  it('is not made up for another error', () => {
    expect(tlsAdvice(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBeUndefined()
    expect(tlsAdvice('text')).toBeUndefined()
  })
})
