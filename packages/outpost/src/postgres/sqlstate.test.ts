import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../errors/codes.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import { classify, classifySqlstate, type ErrorClass, isMissingReference, sqlstateOf } from './sqlstate.ts'

const classes: readonly ErrorClass[] = ['connectivity', 'configuration', 'transient', 'deterministic']

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('it failed', 9, 'error')
  error.code = code
  return error
}

const listed: Readonly<Record<ErrorClass, readonly string[]>> = {
  connectivity: ['08000', '08006', '08P01', '57P01', '57P02', '57P03', '57P05', '25006', '53300'],
  configuration: ['28000', '28P01', '3D000', '42501'],
  transient: [
    '40001',
    '40P01',
    '53100',
    '53200',
    '55P03',
    '57014',
    '58030',
    'XX000',
    'XX001',
    'ZZ999',
    '25P02',
    '00000',
    'OP001',
  ],
  deterministic: [
    '22001',
    '22P02',
    '23502',
    '23503',
    '23505',
    '23514',
    '42P01',
    '42703',
    '44000',
    '54000',
    'P0001',
    '0A000',
  ],
}

describe('SQLSTATE classes', () => {
  it.each(classes)('N11: the listed codes are %s', (expected) => {
    for (const code of listed[expected]) expect([code, classifySqlstate(code)]).toEqual([code, expected])
  })

  it('N11: the classes are total over all five-character codes', () => {
    const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ')
    const code = fc.array(character, { minLength: 5, maxLength: 5 }).map((characters) => characters.join(''))
    fc.assert(
      fc.property(code, (sqlstate) => {
        expect(classes).toContain(classifySqlstate(sqlstate))
        if (!'0123458PX'.includes(sqlstate[0]!)) expect(classifySqlstate(sqlstate)).toBe('transient')
      }),
      { numRuns: 2_000 },
    )
  })

  it('N11: anything may be thrown and gets a class', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (thrown) => {
        expect(classes).toContain(classify(thrown))
      }),
      { numRuns: 1_000 },
    )
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
        has: () => {
          throw new Error('no')
        },
      },
    )
    expect(classify(hostile)).toBe('transient')
    const endless: { cause?: unknown } = {}
    endless.cause = endless
    expect(classify(endless)).toBe('transient')
  })

  it('E20: sockets, time-outs and the driver that lost its connection are connectivity', () => {
    for (const code of [
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'EHOSTUNREACH',
      'ENOTFOUND',
      'EAI_AGAIN',
    ]) {
      expect([code, classify(Object.assign(new Error(code), { code }))]).toEqual([code, 'connectivity'])
    }
    for (const message of [
      'Connection terminated unexpectedly',
      'Connection terminated due to connection timeout',
      'timeout expired',
      'timeout exceeded when trying to connect',
      'Query read timeout',
      'Client has encountered a connection error and is not queryable',
    ]) {
      expect([message, classify(new Error(message))]).toEqual([message, 'connectivity'])
    }
    expect(classify(AbortSignal.abort().reason)).toBe('connectivity')
  })

  it('E20: what is wrapped or collected is looked into', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    expect(classify(new AggregateError([refused, refused]))).toBe('connectivity')
    expect(classify(new Error('the batch failed', { cause: databaseError('23505') }))).toBe('deterministic')
    expect(classify(new OutpostError('main_unreachable', 'away', { cause: databaseError('23505') }))).toBe(
      'connectivity',
    )
  })

  it('N11: refused certificates and passwords stop and alarm', () => {
    expect(classify(Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' }))).toBe('configuration')
    expect(classify(new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'))).toBe(
      'configuration',
    )
    expect(classify(databaseError('28P01'))).toBe('configuration')
  })

  it('N11: every code of Outpost itself has a class', () => {
    for (const code of Object.keys(errorCodes) as (keyof typeof errorCodes)[]) {
      expect(classes).toContain(classify(new OutpostError(code, 'x')))
    }
    expect(classify(new OutpostError('lineage_refused', 'another main'))).toBe('configuration')
  })

  it('N9: a missing reference is told apart', () => {
    expect(isMissingReference(databaseError('23503'))).toBe(true)
    expect(isMissingReference(databaseError('23505'))).toBe(false)
    expect(sqlstateOf(Object.assign(new Error('busy'), { code: 'EBUSY', syscall: 'open' }))).toBeUndefined()
    expect(sqlstateOf(Object.assign(new Error('pipe'), { code: 'EPIPE' }))).toBeUndefined()
  })
})
