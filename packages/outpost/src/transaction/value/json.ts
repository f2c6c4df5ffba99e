import { checkText } from './check-text.ts'
import { maximumJsonDepth, writeJson } from './json-writer.ts'
import { canonicalJson } from './jsonb.ts'
import { refuse } from './value-problem.ts'

/** `json`: a string is taken as JSON text and kept to the letter; any other value is written compactly. */
export function jsonText(value: unknown): string {
  if (typeof value !== 'string') return writeJson(value, 'compact')
  checkText(value)
  try {
    JSON.parse(value)
  } catch {
    refuse(value, 'is not JSON text (a JSON string needs its own quotes)')
  }
  if (depthOf(value) > maximumJsonDepth) refuse(value, `is nested deeper than ${maximumJsonDepth} levels`)
  return value
}

/** `jsonb` as its output function writes it; see {@link canonicalJson}. */
export function jsonbText(value: unknown): string {
  return typeof value === 'string' ? canonicalJson(checkText(value)) : writeJson(value, 'jsonb')
}

function depthOf(text: string): number {
  let [depth, deepest, isInString] = [0, 0, false]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isInString) {
      if (code === 0x5c) i++
      else if (code === 0x22) isInString = false
    } else if (code === 0x22) isInString = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}
