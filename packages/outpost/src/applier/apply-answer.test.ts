import { describe, expect, it } from 'vitest'
import { configurationAlarm } from './applier-alarms.ts'
import { readApplyAnswer, readHelloAnswer } from './apply-answer.ts'

const done = {
  kind: 'done',
  stopped: null,
  taken: null,
  outcomes: [{ g: 0, o: 'applied', at: '2026-01-01T00:00:00Z' }],
  streaks: [],
  flush: '0/10',
  system: '1',
  timeline: 2,
  lineage: 'first',
  pausedBy: [],
}

describe('what main answers', () => {
  it('is read as it is meant', () => {
    expect(readApplyAnswer(done, [[4, 5]])).toMatchObject({
      kind: 'done',
      position: '2/0/10',
      outcomes: [{ seqs: [4, 5], outcome: 'applied', lineage: 'first' }],
    })
    expect(readApplyAnswer({ ...done, stopped: 'streak' }, [[4, 5]])).toMatchObject({ stopped: 'streak' })
    expect(readApplyAnswer({ kind: 'fenced', reason: 'term' }, [])).toEqual({ kind: 'fenced' })
    expect(readHelloAnswer({ kind: 'recovery' })).toEqual({ kind: 'recovery' })
  })

  const { streaks: _streaks, ...older } = { ...done, streak: { count: 1 } }
  const { pausedBy: _pausedBy, ...oldest } = done
  it.each([
    ['apply without what it counts', () => readApplyAnswer(older, [[1]])],
    ['apply without who is waited for', () => readApplyAnswer(oldest, [[1]])],
    ['apply that stops for an unknown reason', () => readApplyAnswer({ ...done, stopped: 'tide' }, [[1]])],
    ['apply of an unknown kind', () => readApplyAnswer({ kind: 'later' }, [])],
    ['apply with nothing', () => readApplyAnswer(null, [])],
    ['hello of an unknown kind', () => readHelloAnswer({ kind: 'later' })],
    ['hello with nothing', () => readHelloAnswer(undefined)],
  ])('N11: blames the schema and no transaction for an answer of %s', (_, read) => {
    let error: unknown
    expect(() => {
      try {
        read()
      } catch (thrown) {
        error = thrown
        throw thrown
      }
    }).toThrow(expect.objectContaining({ code: 'not_migrated' }))
    expect(configurationAlarm(error)).toMatchObject({
      code: 'not_migrated',
      hint: expect.stringContaining('outpost migrate'),
    })
  })
})
