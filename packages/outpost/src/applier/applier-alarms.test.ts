import { describe, expect, it } from 'vitest'
import { configurationAlarm } from './applier-alarms.ts'

describe('the alarm of a main that refuses the site', () => {
  it('P9: names the setting where main does not encrypt', () => {
    const alarm = configurationAlarm(new Error('The server does not support SSL connections'))
    expect(alarm).toMatchObject({
      code: 'configuration',
      message: 'Main refuses the site: The server does not support SSL connections',
      hint: expect.stringMatching(/^MAIN_DB_SSLMODE .*`disable`/),
    })
  })

  it('names everything that a refusal may be about otherwise', () => {
    const refusal = Object.assign(new Error('no pg_hba.conf entry'), { code: '28000' })
    expect(configurationAlarm(refusal)?.hint).toMatch(/password.*MAIN_DB_SSLMODE.*outpost site grant/)
  })
})
