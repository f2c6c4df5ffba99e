import type { SeededRandom } from './seeded-random.ts'

export type UnitKind = 'science' | 'pointing' | 'focus' | 'skydip' | 'planet'

/** One executed unit of the night. Times in milliseconds since 1970. */
export interface ScheduledUnit {
  readonly kind: UnitKind
  readonly startMs: number
  readonly endMs: number
}

const minuteMs = 60_000
const slewMs = 40_000

/** What calibration asks for: how long it takes, and how often at least. */
const routine: readonly {
  readonly kind: UnitKind
  readonly lastsS: number
  readonly everyMinutes: number
}[] = [
  { kind: 'pointing', lastsS: 180, everyMinutes: 60 },
  { kind: 'focus', lastsS: 300, everyMinutes: 120 },
  { kind: 'skydip', lastsS: 300, everyMinutes: 180 },
  { kind: 'planet', lastsS: 600, everyMinutes: 330 },
]

/** Science scans are mostly short, now and then an hour. */
const scienceMinutes = [10, 10, 10, 10, 12, 12, 15, 15, 20, 25, 30]

/** Sunset to sunrise: calibration when it is due, science in between, a slew before each. */
export function planSchedule(
  random: SeededRandom,
  sunsetMs: number,
  sunriseMs: number,
): readonly ScheduledUnit[] {
  const units: ScheduledUnit[] = []
  const dueMs = new Map(routine.map(({ kind }) => [kind, sunsetMs]))
  let atMs = sunsetMs
  while (true) {
    const due = routine.find(({ kind }) => (dueMs.get(kind) ?? 0) <= atMs)
    const lastsMs = due === undefined ? random.pick(scienceMinutes) * minuteMs : due.lastsS * 1_000
    if (atMs + lastsMs > sunriseMs) return units
    if (due !== undefined) dueMs.set(due.kind, atMs + due.everyMinutes * minuteMs)
    units.push({ kind: due?.kind ?? 'science', startMs: atMs, endMs: atMs + lastsMs })
    atMs += lastsMs + slewMs
  }
}
