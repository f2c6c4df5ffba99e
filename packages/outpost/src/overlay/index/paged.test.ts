import { describe, expect, it } from 'vitest'
import { PagedFloat64, PagedInt32, PagedUint8 } from './paged.ts'

const many = 3 * 2 ** 14 + 7

describe('numbers in pages', () => {
  it.each([
    ['PagedInt32', () => new PagedInt32(), -5, (place: number) => place - 2 ** 31],
    ['PagedUint8', () => new PagedUint8(), 255, (place: number) => place % 256],
    ['PagedFloat64', () => new PagedFloat64(), 2 ** 53 - 1, (place: number) => place + 2 ** 40],
  ])('%s keeps every value over the borders of its pages while it grows', (_name, make, extreme, valueAt) => {
    const column = make()
    for (let place = 0; place < many; place++) {
      column.reserve(place + 1)
      expect(column.get(place)).toBe(0)
      column.set(place, valueAt(place))
    }
    column.set(2 ** 14, extreme)
    for (let place = 0; place < many; place += 101) {
      expect(column.get(place)).toBe(place === 2 ** 14 ? extreme : valueAt(place))
    }
    expect(column.get(2 ** 14)).toBe(extreme)
    expect(column.get(many - 1)).toBe(valueAt(many - 1))
  })
})
