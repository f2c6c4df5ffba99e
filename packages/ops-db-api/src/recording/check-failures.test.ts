import { expect, it } from 'vitest'
import { CheckFailures } from './check-failures.ts'

const refusal = (code: string, message: string) =>
  Object.assign(new Error(message), { code, severity: 'ERROR' })

function failuresAt(clock: { ms: number }) {
  const warned: string[] = []
  const failures = new CheckFailures({
    clock: { nowMs: () => clock.ms, monotonicMs: () => clock.ms, sleep: async () => undefined },
    warn: ({ sqlstate }, message) => warned.push(`${sqlstate}: ${message}`),
  })
  return { failures, warned }
}

it('P11: tells the log of each SQLSTATE once a minute, with the words of the server', () => {
  const clock = { ms: 0 }
  const { failures, warned } = failuresAt(clock)
  for (clock.ms = 0; clock.ms < 120_000; clock.ms += 100)
    failures.note(refusal('42501', 'permission denied for table obs_unit'))
  failures.note(refusal('57014', 'canceling statement due to statement timeout'))
  expect(warned).toHaveLength(3)
  expect(warned[0]).toContain('permission denied for table obs_unit')
  expect(warned[2]).toContain('57014')
})

it('P11: tells health for ten minutes, without the words of the server', () => {
  const clock = { ms: 0 }
  const { failures } = failuresAt(clock)
  failures.note(refusal('22P02', 'invalid input syntax for type uuid: "a secret"'))
  clock.ms = 90_000
  expect(failures.problems).toMatchObject([
    { code: 'checks_failing', message: expect.stringMatching(/SQLSTATE 22P02 \(90 s ago\)/) },
  ])
  expect(JSON.stringify(failures.problems)).not.toContain('secret')
  clock.ms = 600_001
  expect(failures.problems).toEqual([])
})

it('says nothing of a database that is only away: health does', () => {
  const { failures, warned } = failuresAt({ ms: 0 })
  failures.note(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
  expect([failures.problems, warned]).toEqual([[], []])
})
