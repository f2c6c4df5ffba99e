import { describe, expect, it } from 'vitest'
import { OutpostError } from '../errors/outpost-error.ts'
import { failureWords } from './failure-words.ts'

const coded = (message: string, properties: object) => Object.assign(new Error(message), properties)

describe('why a database did not answer', () => {
  it.each([
    [
      coded('connect ECONNREFUSED 10.0.0.1:5432', { code: 'ECONNREFUSED', syscall: 'connect' }),
      'the connection was refused',
    ],
    [
      coded('getaddrinfo ENOTFOUND main.internal', { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
      'its host name is not known',
    ],
    [
      coded('password authentication failed for user "x"', { code: '28P01' }),
      'it refuses the password (SQLSTATE 28P01)',
    ],
    [coded('no room for "x"', { code: '53300' }), 'it takes no more connections (SQLSTATE 53300)'],
    [coded('made for x', { code: 'CERT_HAS_EXPIRED' }), 'its encryption failed (CERT_HAS_EXPIRED)'],
    [coded('for "x"', { code: '57P03' }), 'it said SQLSTATE 57P03'],
    [new Error('Connection terminated unexpectedly by 10.0.0.1'), 'the connection failed'],
    [new OutpostError('wait_timeout', 'No answer within 50 ms.'), 'No answer within 50 ms.'],
    [undefined, 'the connection failed'],
  ])('P9: names no address, host or role: %s', (error, words) => {
    expect(failureWords(error)).toBe(words)
  })
})
