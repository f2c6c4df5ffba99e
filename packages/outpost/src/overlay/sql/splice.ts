/** Replaces the bytes from `start` to `end` (UTF-8 offsets). Equal bounds insert. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text with all splices made. Insertions at one place keep their order; replaced ranges must not overlap. */
export function applySplices(sql: string, splices: readonly Splice[]): string {
  const bytes = Buffer.from(sql, 'utf8')
  const ordered = splices.map((splice, order) => ({ ...splice, order }))
  ordered.sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order)
  const parts: string[] = []
  let at = 0
  for (const splice of ordered) {
    parts.push(bytes.toString('utf8', at, splice.start), splice.text)
    at = splice.end
  }
  parts.push(bytes.toString('utf8', at))
  return parts.join('')
}
