/** What a key does while the demo runs. */
export type KeyAction =
  | { readonly kind: 'cut' }
  | { readonly kind: 'restore' }
  | { readonly kind: 'half_open' }
  | { readonly kind: 'delay'; readonly roundTripMs: number }
  | { readonly kind: 'quit' }

export const keyHelp = 'c cut the link, r restore it, h half-open, d 250 ms round trip on or off, q quit'

const slowRoundTripMs = 250
const ctrlC = '\u0003'
const ctrlD = '\u0004'

/**
 * The action of a key press, or undefined for a key without one. In raw mode Ctrl-C arrives as a character and
 * raises no signal, so it is one of the keys.
 */
export function keyAction(key: string, currentRoundTripMs: number): KeyAction | undefined {
  switch (key.toLowerCase()) {
    case 'c':
      return { kind: 'cut' }
    case 'r':
      return { kind: 'restore' }
    case 'h':
      return { kind: 'half_open' }
    case 'd':
      return { kind: 'delay', roundTripMs: currentRoundTripMs === slowRoundTripMs ? 0 : slowRoundTripMs }
    case 'q':
    case ctrlC:
    case ctrlD:
      return { kind: 'quit' }
    default:
      return undefined
  }
}
