import type { ErrorCode } from '../errors/codes.ts'
import { type Problem, type ProblemItem, problemOf } from './problem.ts'

/** One finding of a JSON Schema validator, as Ajv and TypeBox report it. */
export interface ValidationFinding {
  readonly keyword?: string
  readonly instancePath?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly message?: string
}

const maxItems = 20

/**
 * Turns the validator's findings into one document. Its code is the first finding's: `unknown_column`,
 * `missing_value` or `invalid_value`. Values of the request are not repeated.
 */
export function validationProblem(findings: readonly ValidationFinding[]): Problem {
  const items = dedupe(findings.flatMap(itemsOf)).slice(0, maxItems)
  const first = items[0] ?? { path: '', code: 'invalid_value' as const, message: 'is not valid' }
  const detail = items.map((item) => `${item.path || 'the body'}: ${item.message}`).join('; ')
  return problemOf(first.code, detail || 'The request is not valid.', { errors: items })
}

type Item = ProblemItem & { readonly code: ErrorCode }

function itemsOf(finding: ValidationFinding): Item[] {
  const path = finding.instancePath ?? ''
  switch (finding.keyword ?? '') {
    // TypeBox reports the refused property twice; the `additionalProperties` finding carries its name.
    case 'boolean':
      return []
    case 'additionalProperties':
      return namesIn(finding.params, 'additionalProperties', 'additionalProperty').map((name) => ({
        path: `${path}/${name}`,
        code: 'unknown_column',
        message: 'is not known here',
      }))
    case 'required':
      return namesIn(finding.params, 'requiredProperties', 'missingProperty').map((name) => ({
        path: `${path}/${name}`,
        code: 'missing_value',
        message: 'is required',
      }))
    default:
      return [{ path, code: 'invalid_value', message: describe(finding) }]
  }
}

function describe({ keyword, params, message }: ValidationFinding): string {
  const allowed = params?.allowedValues
  if (keyword === 'enum' && Array.isArray(allowed))
    return `is not one of ${allowed.slice(0, maxItems).map(String).join(', ')}`
  if (keyword === 'const' || keyword === 'enum' || keyword === 'anyOf')
    return 'is not one of the allowed values'
  if (keyword === 'format') return `must be a ${String(params?.format)}`
  return message ?? 'is not valid'
}

function namesIn(params: ValidationFinding['params'], many: string, one: string): string[] {
  const list = params?.[many]
  const names: unknown[] = Array.isArray(list) ? list.slice(0, maxItems) : [params?.[one] ?? list]
  return names.filter((name) => typeof name === 'string').map((name) => name.slice(0, 64))
}

function dedupe(items: readonly Item[]): Item[] {
  const seen = new Set<string>()
  return items.filter((item) => {
    const key = `${item.path}\n${item.message}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
