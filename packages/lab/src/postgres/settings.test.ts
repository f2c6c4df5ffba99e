import { describe, expect, it } from 'vitest'
import { quoteSetting, renderConninfo, renderSettings } from './settings.ts'

describe('settings', () => {
  it.each([
    [true, "'on'"],
    [false, "'off'"],
    [100, "'100'"],
    ["it's", "'it''s'"],
    ['a\\b', "'a\\\\b'"],
  ])('quotes %s', (value, expected) => {
    expect(quoteSetting(value)).toBe(expected)
  })

  it('renders one line each', () => {
    expect(renderSettings({ fsync: true, port: 1 })).toBe("fsync = 'on'\nport = '1'\n")
  })

  it('renders a conninfo, leaving out what is undefined', () => {
    const conninfo = renderConninfo({
      host: '127.0.0.1',
      port: 5,
      application_name: "o'clock",
      slot: undefined,
    })
    expect(conninfo).toBe("host='127.0.0.1' port='5' application_name='o\\'clock'")
  })
})
