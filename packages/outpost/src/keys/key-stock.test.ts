import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countOf, type KeyRange, withoutFirst, withoutThrough } from './key-range.ts'
import { KeyStock } from './key-stock.ts'

const numbersOf = (ranges: readonly KeyRange[]): bigint[] =>
  ranges.flatMap(({ first, step, ...range }) =>
    Array.from({ length: countOf([{ first, step, ...range }]) }, (_, index) => first + BigInt(index) * step),
  )
const range = (first: number, last: number, step = 1): KeyRange => ({
  first: BigInt(first),
  last: BigInt(last),
  step: BigInt(step),
})

describe('ranges of numbers', () => {
  it('lose their first numbers, and those up to a used one, in both directions', () => {
    const up = [range(1, 9, 2), range(21, 23)]
    expect(numbersOf(withoutFirst(up, 2)).map(Number)).toEqual([5, 7, 9, 21, 22, 23])
    expect(numbersOf(withoutThrough(up, 21n)).map(Number)).toEqual([22, 23])
    expect(numbersOf(withoutThrough(up, 9n)).map(Number)).toEqual([21, 22, 23])
    expect(withoutThrough(up, 15n)).toEqual(up)
    const down = [range(-1, -9, -2)]
    expect(numbersOf(withoutThrough(down, -4n)).map(Number)).toEqual([-5, -7, -9])
    expect(withoutFirst(down, 5)).toEqual([])
  })
})

describe('the numbers that a site holds', () => {
  const block = (ranges: readonly KeyRange[]) => ({ lineage: 'a', ranges })

  it('P3: are never handed out twice, whenever it crashes, and a crash loses no more than a block', () => {
    const steps = fc.array(fc.constantFrom('draw', 'draw', 'draw', 'note', 'crash', 'refill'), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 300 }), (actions, size) => {
        let next = 1
        const refill = (stock: KeyStock) => {
          stock.add(block([range(next, next + size - 1)]))
          next += size
        }
        let stock = new KeyStock('id', size)
        let durable = stock.text().text
        const acknowledged = new Set<bigint>()
        const note = () => {
          const text = stock.text()
          durable = text.text
          stock.noted(text)
        }
        for (const action of actions) {
          if (action === 'note') note()
          else if (action === 'refill') {
            refill(stock)
            note()
          } else if (action === 'crash') {
            const before = stock.count
            stock = KeyStock.parse(durable)
            expect(before - stock.count).toBeLessThanOrEqual(size)
          } else {
            const value = stock.draw('a')
            if (value === undefined) continue
            // As `settle` does before the transaction is appended.
            if (!stock.isNoted(stock.drawn)) note()
            expect(acknowledged.has(value)).toBe(false)
            acknowledged.add(value)
          }
        }
      }),
    )
  })

  it('P8: are not used before every main to come has them, nor on another main', () => {
    const stock = new KeyStock('id', 10)
    stock.add({ ...block([range(1, 10)]), position: '1/0/16' })
    expect(stock.draw('a')).toBeUndefined()
    stock.replace(({ lineage, ranges }) => ({ lineage, ranges }))
    expect(stock.draw('b')).toBeUndefined()
    expect([stock.draw('a'), stock.draw(undefined), stock.usable('a'), stock.usable('b')]).toEqual([
      1n,
      2n,
      8,
      0,
    ])
  })

  it('are noted anew when main took some back: what was noted ahead says nothing of those behind', () => {
    const stock = new KeyStock('id', 100)
    stock.add(block([range(1, 100)]))
    const late = stock.text()
    stock.noted(stock.text())
    stock.replace((each) => ({ ...each, ranges: [range(50, 100)] }))
    stock.noted(late)
    expect(stock.draw('a')).toBe(50n)
    expect(stock.isNoted(stock.drawn)).toBe(false)
    stock.noted(stock.text())
    expect(stock.isNoted(stock.drawn)).toBe(true)
  })
})
