import { describe, expect, it } from 'vitest'
import { confirmIntervalMs, siteSettings } from './site-settings.ts'

const good = {
  name: 'observatory',
  type: 'main',
  main: { host: 'h', port: 1, user: 'u', database: 'd' },
  journalPath: '/tmp/j',
  secretKey: '0123456789abcdef',
} as const

describe('siteSettings', () => {
  it('fills in the defaults and freezes', () => {
    const settings = siteSettings(good)
    expect(settings).toMatchObject({ retryAttempts: 3, retryDelayMs: 5_000, lsnCheckIntervalMs: 100 })
    expect(Object.isFrozen(settings)).toBe(true)
  })

  it('P11: shares out the room of a bounded journal, unless told otherwise', () => {
    const shares = { journalReserveBytes: 200, journalRetentionBytes: 500 }
    expect(siteSettings({ ...good, journalMaxBytes: 1_000 })).toMatchObject(shares)
    expect(siteSettings({ ...good, journalMaxBytes: 1_000, journalReserveBytes: 0 })).toMatchObject({
      ...shares,
      journalReserveBytes: 0,
    })
    expect(siteSettings(good)).not.toHaveProperty('journalRetentionBytes')
    expect(() => siteSettings({ ...good, journalMaxBytes: 1_000, journalReserveBytes: 1_000 })).toThrow(
      /journalReserveBytes/,
    )
  })

  it('P9: names every problem at once', () => {
    const bad = { ...good, name: 'a b', type: 'secondary', secretKey: 'short', retryDelayMs: -1 } as const
    expect(() => siteSettings(bad)).toThrow(/name.*secretKey.*replica.*retryDelayMs/)
  })
})

describe('confirmIntervalMs', () => {
  const intervals = { lsnCheckIntervalMs: 100, idleIntervalMs: 1_000 }

  it('follows the replica closely unless that is switched off', () => {
    expect(confirmIntervalMs({ ...intervals, lsnTracking: true })).toBe(100)
    expect(confirmIntervalMs({ ...intervals, lsnTracking: false })).toBe(1_000)
  })
})
