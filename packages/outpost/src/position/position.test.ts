import { describe, expect, it } from 'vitest'
import { parseLsn } from './lsn.ts'
import {
  comparePositions,
  formatTimelineLsn,
  hasReached,
  laterPosition,
  type Position,
  parseTimelineLsn,
} from './position.ts'
import { timelineFrom, timelineOfWalFile } from './timeline.ts'

const lineage = '11111111-1111-4111-8111-111111111111'
const position = (lsn: string, change: Partial<Position> = {}): Position => ({
  systemIdentifier: '7710248208508079279',
  timeline: timelineFrom(1),
  lsn: parseLsn(lsn),
  lineage,
  isVolatile: false,
  ...change,
})

describe('Position', () => {
  it('E2: orders by number within one history', () => {
    expect(comparePositions(position('0/9000000'), position('0/10000000'))).toBe('before')
    expect(comparePositions(position('0/10000000'), position('0/9000000'))).toBe('after')
    expect(comparePositions(position('0/9000000'), position('0/9000000'))).toBe('equal')
    expect(hasReached(position('0/10000000'), position('0/9000000'))).toBe(true)
  })

  it.each<[string, Partial<Position>]>([
    ['timelines', { timeline: timelineFrom(2) }],
    ['systems', { systemIdentifier: '7710248218855369933' }],
    [
      'lineages (N4: promoted apart, same system and timeline)',
      { lineage: '22222222-2222-4222-8222-222222222222' },
    ],
  ])('P8: never compares positions of different %s', (_what, change) => {
    const other = position('0/FFFFFFF', change)
    expect(comparePositions(position('0/1'), other)).toBe('incomparable')
    const error = expect.objectContaining({ code: 'position_incomparable' })
    expect(() => hasReached(other, position('0/1'))).toThrow(error)
    expect(() => laterPosition(other, position('0/1'))).toThrow(error)
  })

  it('N4: of equal positions the durable one is kept', () => {
    const isVolatile = { isVolatile: true }
    expect(laterPosition(position('0/1', isVolatile), position('0/1')).isVolatile).toBe(false)
    expect(laterPosition(position('0/1'), position('0/1', isVolatile)).isVolatile).toBe(false)
    expect(laterPosition(position('0/1'), position('0/2', isVolatile)).isVolatile).toBe(true)
  })

  it('survives its text', () => {
    const text = '2/16/B374D848'
    expect(formatTimelineLsn(parseTimelineLsn(text))).toBe(text)
    for (const bad of ['', '0/0/1', '1', '1/', '1/0', '01/0/1', '99999999999/0/1', '5000000000/0/1']) {
      expect(() => parseTimelineLsn(bad), bad).toThrow(expect.objectContaining({ code: 'invalid_value' }))
    }
  })
})

describe('Timeline', () => {
  it("E6: is read from the WAL file's name", () => {
    expect(timelineOfWalFile('0000000200000001000000A0')).toBe(2)
    expect(() => timelineOfWalFile('00000002')).toThrow(/not the name of a WAL file/)
    expect(() => timelineOfWalFile('000000000000000100000001')).toThrow(/not a timeline/)
  })
})
