import { describe, expect, it } from 'vitest'
import { readCursor, wholeCursor, writeCursor } from './cursor.ts'
import { executedObsUnits as units } from './recorded-resources.ts'

const id = '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4'
const sort = { column: 'notes', isDescending: false }
const holding = (notes: string | null | undefined) => ({
  readRow: () =>
    Promise.resolve(notes === undefined ? undefined : { row: { notes }, state: 'applied' as const }),
})

describe('a cursor of a long value', () => {
  const value = '🔭'.repeat(10_000)
  const text = writeCursor(units, sort, { value, id })
  const given = readCursor(units, sort, text)

  it('fits into a URL, and stands for the whole value', async () => {
    expect(text.length).toBeLessThan(1_024)
    expect(await wholeCursor(holding(value), units, sort, given)).toEqual({ value, id })
  })

  it.each([[`${value.slice(0, -2)}`], [null], [undefined]])(
    'is refused when its row has changed',
    async (notes) => {
      await expect(wholeCursor(holding(notes), units, sort, given)).rejects.toMatchObject({
        problem: { code: 'cursor_invalid', status: 400, detail: expect.stringContaining('another notes') },
      })
    },
  )
})
