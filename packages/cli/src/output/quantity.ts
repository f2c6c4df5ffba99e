const units = [
  { ms: 86_400_000, suffix: 'd' },
  { ms: 3_600_000, suffix: 'h' },
  { ms: 60_000, suffix: 'min' },
] as const

/** A duration as people say it: `350 ms`, `2.4 s`, `3 min`, `5 h`, `2 d`. */
export function formatDuration(ms: number): string {
  const unit = units.find((candidate) => ms >= candidate.ms)
  if (unit) return `${Math.floor(ms / unit.ms)} ${unit.suffix}`
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
}

/** A moment in UTC to the millisecond, or a dash where it has not come yet. */
export function formatTime(time: number | string | null | undefined): string {
  return time === null || time === undefined ? '-' : new Date(time).toISOString()
}
