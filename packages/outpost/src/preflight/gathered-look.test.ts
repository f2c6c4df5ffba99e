import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { GatheredLook } from './gathered-look.ts'

interface OpenLook {
  readonly keys: readonly number[]
  answer(found: string): void
  fail(error: Error): void
}

function gathering(options: { readonly limit?: number; readonly maxWaiting?: number } = {}) {
  const looks: OpenLook[] = []
  let nowMs = 0
  const look = (keys: readonly number[]) =>
    new Promise<string>((answer, fail) => {
      looks.push({ keys, answer, fail })
    })
  const clock = { ...systemClock, monotonicMs: () => nowMs }
  const gathered = new GatheredLook<number, string>({ look, clock, patienceMs: 50, ...options })
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { gathered, looks, pass }
}

describe('GatheredLook', () => {
  it('looks at once for who is alone, and together for those who came meanwhile', async () => {
    const { gathered, looks } = gathering()
    const first = gathered.ask(1)
    const others = [gathered.ask(2), gathered.ask(3)]
    expect(looks.map(({ keys }) => keys)).toEqual([[1]])
    looks[0]!.answer('one')
    expect(await first).toBe('one')
    expect(looks.map(({ keys }) => keys)).toEqual([[1], [2, 3]])
    looks[1]!.answer('both')
    expect(await Promise.all(others)).toEqual(['both', 'both'])
  })

  it('never answers with a look that began before the question', async () => {
    const { gathered, looks } = gathering()
    const before = gathered.ask(1)
    const after = gathered.ask(1)
    looks[0]!.answer('old')
    await before
    looks[1]!.answer('new')
    expect(await after).toBe('new')
  })

  it('takes no more keys into a look than the limit', async () => {
    const { gathered, looks } = gathering({ limit: 2 })
    const first = gathered.ask(0)
    const later = [1, 2, 3].map((key) => gathered.ask(key))
    looks[0]!.answer('a')
    await first
    expect(looks[1]!.keys).toEqual([1, 2])
    looks[1]!.answer('b')
    await later[0]
    expect(looks[2]!.keys).toEqual([3])
    looks[2]!.answer('c')
    expect(await Promise.all(later)).toEqual(['b', 'b', 'c'])
  })

  it('tells everybody of a failed look why, and goes on', async () => {
    const { gathered, looks } = gathering()
    const first = gathered.ask(1)
    const second = gathered.ask(2)
    looks[0]!.fail(new Error('away'))
    await expect(first).rejects.toThrow('away')
    looks[1]!.answer('back')
    expect(await second).toBe('back')
  })

  it('does not let a look that hangs hold up the next one', async () => {
    const { gathered, looks, pass } = gathering()
    const hanging = gathered.ask(1)
    pass(51)
    const second = gathered.ask(2)
    expect(looks.map(({ keys }) => keys)).toEqual([[1], [2]])
    // The end of the overtaken look lets nobody past the one that overtook it.
    looks[0]!.answer('late')
    expect(await hanging).toBe('late')
    const third = gathered.ask(3)
    expect(looks).toHaveLength(2)
    looks[1]!.answer('second')
    expect(await second).toBe('second')
    looks[2]!.answer('third')
    expect(await third).toBe('third')
  })

  it('P2: looks for nobody whose time is over: those who still wait come first', async () => {
    const { gathered, looks, pass } = gathering({ limit: 2 })
    const hanging = gathered.ask(0)
    pass(30)
    const late = [1, 2, 3, 4].map((key) => gathered.ask(key))
    pass(30)
    const overtaking = gathered.ask(5)
    expect(looks.map(({ keys }) => keys)).toEqual([[0], [1, 2]])
    pass(30)
    const alive = gathered.ask(6)
    expect(await Promise.all(late.slice(2))).toEqual([undefined, undefined])
    looks[1]!.answer('back')
    expect(await Promise.all(late.slice(0, 2))).toEqual(['back', 'back'])
    expect(looks.map(({ keys }) => keys)).toEqual([[0], [1, 2], [5, 6]])
    looks[2]!.answer('alive')
    expect(await Promise.all([overtaking, alive])).toEqual(['alive', 'alive'])
    looks[0]!.answer('late')
    await hanging
  })

  it('P11: lets no more wait than the limit: who comes then learns nothing, at once', async () => {
    const { gathered, looks, pass } = gathering({ maxWaiting: 2 })
    const asked = [0, 1, 2].map((key) => gathered.ask(key))
    expect(await gathered.ask(3)).toBeUndefined()
    looks[0]!.answer('first')
    await asked[0]
    looks[1]!.answer('second')
    expect(await Promise.all(asked)).toEqual(['first', 'second', 'second'])
    // Nor do those who have left keep others out.
    const hanging = gathered.ask(4)
    const left = [gathered.ask(5), gathered.ask(6)]
    pass(51)
    const next = gathered.ask(7)
    expect(await Promise.all(left)).toEqual([undefined, undefined])
    expect(looks.at(-1)!.keys).toEqual([7])
    looks.at(-1)!.answer('next')
    expect(await next).toBe('next')
    looks[2]!.answer('late')
    await hanging
  })
})
