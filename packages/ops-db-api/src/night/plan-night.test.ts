import { describe, expect, it } from 'vitest'
import { obsUnitFacts } from '../reference/obs-unit-facts.ts'
import { instrumentFacts } from '../reference/observatory-facts.ts'
import { type NightAnswers, type NightReference, planNight } from './plan-night.ts'

const instrumentIds = new Map(instrumentFacts.map(({ name }, index) => [name as string, index + 1]))
const reference: NightReference = {
  units: obsUnitFacts.map(({ name, kind, instrument }, index) => ({
    id: index + 1,
    name,
    kind,
    instrument_id: instrumentIds.get(instrument) ?? 0,
  })),
  modules: instrumentFacts
    .flatMap(({ name, modules }) =>
      modules.map((module) => ({ name: module as string, instrument_id: instrumentIds.get(name) ?? 0 })),
    )
    .map((module, index) => ({ ...module, id: index + 1 })),
  locations: ['observatory-buffer', 'cologne-archive'].map((name, index) => ({ id: index + 1, name })),
}

/** Plays the steps against a made-up API that hands out ids. */
function play(seed: number) {
  const answers: Record<string, NightAnswers[string]> = {}
  return planNight({ seed, ...reference }).map((step, index) => {
    const call = {
      method: step.method,
      path: step.path(answers),
      body: step.body(answers),
      key: step.idempotencyKey,
    }
    const files = (call.body.files as readonly unknown[] | undefined)?.map(
      (_file, file) => `file-${index}-${file}`,
    )
    if (step.as !== undefined)
      answers[step.as] = { id: `id-${index}`, ...(files === undefined ? {} : { ids: files }) }
    return call
  })
}

describe('planNight', () => {
  it.each([1, 2, 3, 42, 1_000_003])('makes a night of realistic size with seed %i', (seed) => {
    const calls = play(seed)
    const units = calls.filter(({ path }) => path.endsWith('/start')).length
    const files = calls.flatMap(
      ({ body }) => (body.files as readonly { size_bytes: number }[] | undefined) ?? [],
    )
    expect(units).toBeGreaterThanOrEqual(45)
    expect(units).toBeLessThanOrEqual(75)
    expect(files.length).toBeGreaterThan(1_300)
    expect(files.length).toBeLessThan(2_900)
    expect(files.every(({ size_bytes }) => size_bytes >= 50_000_000 && size_bytes <= 2_001_000_000)).toBe(
      true,
    )
  })

  it('is the same for the same seed and differs for another', () => {
    expect(play(7)).toEqual(play(7))
    expect(play(7)).not.toEqual(play(8))
  })

  it('keeps every package within 50 GB', () => {
    const sums = play(5).map(({ body }) =>
      ((body.files as readonly { size_bytes: number }[] | undefined) ?? []).reduce(
        (sum, file) => sum + file.size_bytes,
        0,
      ),
    )
    expect(Math.max(...sums)).toBeLessThanOrEqual(50_000_000_000)
  })

  it('gives every call an Idempotency-Key of its own', () => {
    const keys = play(9).map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})
