/** The value of an option as it comes from outside, or what is wrong with it. */
type Parsed<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'problem'; readonly message: string }

/** One setting. `name` is its environment variable; `outpost.yaml` takes it in any case. */
export interface Option<Value> {
  readonly name: string
  readonly description: string
  /** How the value is written, for the reference: `whole number from 1 to 65535`. */
  readonly form: string
  readonly parse: (text: string) => Parsed<Value>
  /** As it would be written. Undefined: no value, which `isRequired` may forbid. */
  readonly fallback?: string
  readonly isRequired?: boolean
  readonly isSecret?: boolean
}

const value = <Value>(parsed: Value): Parsed<Value> => ({ kind: 'value', value: parsed })
const problem = (message: string): Parsed<never> => ({ kind: 'problem', message })

type Facts = Omit<Option<unknown>, 'parse' | 'form'>

export function textOption(
  facts: Facts,
  limits: { readonly min?: number; readonly pattern?: RegExp; readonly form?: string } = {},
): Option<string> {
  const { min = 1, pattern, form = min > 1 ? `text of at least ${min} characters` : 'text' } = limits
  const isGood = (text: string) => text.length >= min && (pattern?.test(text) ?? true)
  return { ...facts, form, parse: (text) => (isGood(text) ? value(text) : problem(`must be a ${form}`)) }
}

export function choiceOption<Choice extends string>(
  facts: Facts,
  choices: readonly Choice[],
  /** Words that somebody may expect to work, and why they do not. */
  refused: Readonly<Record<string, string>> = {},
): Option<Choice> {
  const form = `one of ${choices.join(', ')}`
  const parse = (text: string) => {
    const choice = choices.find((one) => one === text)
    if (choice !== undefined) return value(choice)
    const why = Object.hasOwn(refused, text) ? ` (${refused[text]})` : ''
    return problem(`must be ${form}${why}`)
  }
  return { ...facts, form, parse }
}

export function wholeOption(facts: Facts, min: number, max: number): Option<number> {
  const form = `whole number from ${min} to ${max}`
  const parse = (text: string) => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? value(number) : problem(`must be a ${form}`)
  }
  return { ...facts, form, parse }
}

/** A duration, written in seconds; the parsed value is in milliseconds. */
export function secondsOption(facts: Facts, minSeconds: number, maxSeconds: number): Option<number> {
  const form = `seconds, from ${minSeconds} to ${maxSeconds}`
  const parse = (text: string) => {
    const seconds = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
    return seconds >= minSeconds && seconds <= maxSeconds
      ? value(Math.round(seconds * 1_000))
      : problem(`must be ${form}`)
  }
  return { ...facts, form, parse }
}

export function booleanOption(facts: Facts): Option<boolean> {
  const form = 'true or false'
  const words: Readonly<Record<string, boolean>> = {
    true: true,
    false: false,
    '1': true,
    '0': false,
    yes: true,
    no: false,
  }
  const parse = (text: string) => {
    const word = words[text.toLowerCase()]
    return word === undefined ? problem(`must be ${form}`) : value(word)
  }
  return { ...facts, form, parse }
}

/** Names separated by commas, or `none`. */
export function namesOption(facts: Facts): Option<readonly string[] | 'none'> {
  const form = 'names separated by commas, or none'
  const parse = (text: string): Parsed<readonly string[] | 'none'> => {
    if (text === 'none') return value('none')
    const names = text.split(',').map((name) => name.trim())
    return names.every((name) => name !== '') ? value(names) : problem(`must be ${form}`)
  }
  return { ...facts, form, parse }
}
