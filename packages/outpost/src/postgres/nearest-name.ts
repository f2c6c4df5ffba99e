/** Longer texts are not compared: the cost grows with the product of the lengths. */
const longestName = 130

/**
 * The suggestion whose spelling is nearest to what was written, undefined when none is near: at most a third of the
 * characters may differ. `suggestions` maps spellings to what is suggested.
 */
export function nearestName(written: string, suggestions: ReadonlyMap<string, string>): string | undefined {
  if (written.length > longestName) return undefined
  const lower = written.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1
  for (const [spelling, suggestion] of suggestions) {
    if (Math.abs(spelling.length - written.length) >= bestDistance) continue
    const distance = editDistance(lower, spelling.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [suggestion, distance]
  }
  return best
}

/** Levenshtein's: how many characters must be added, removed or replaced. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
