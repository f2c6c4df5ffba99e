import { describe, expect, it } from 'vitest'
import { type SchemaHistory, schemaPath } from './schema-history.ts'
import type { SchemaStep } from './schema-step.ts'

const step = (to: string): SchemaStep => ({ kind: 'rename_table', table: 'public.t', to: `public.${to}` })
const change = (version: number, id = `id ${version}`) => ({
  version,
  id,
  name: `change ${version}`,
  lift: [step(`up_${id}`)],
  lower: [step(`down_${id}`)],
})
const history = (...versions: number[]): SchemaHistory => versions.map((version) => change(version))

describe('schemaPath', () => {
  it('goes up by what came since', () => {
    expect(schemaPath(1, history(1), history(1, 2, 3))).toEqual({
      kind: 'steps',
      steps: [step('up_id 2'), step('up_id 3')],
    })
  })

  it('goes down by what main lacks, newest first', () => {
    expect(schemaPath(3, history(1, 2, 3), history(1))).toEqual({
      kind: 'steps',
      steps: [step('down_id 3'), step('down_id 2')],
    })
  })

  it('goes down to where two mains parted and up from there', () => {
    const other = [change(1), change(2, 'another')]
    expect(schemaPath(2, history(1, 2), other)).toEqual({
      kind: 'steps',
      steps: [step('down_id 2'), step('up_another')],
    })
  })

  it('knows no way from a version that nobody knows, nor by a step of a later version', () => {
    expect(schemaPath(2, history(1), history(1))).toMatchObject({ kind: 'unknown' })
    const later = { ...change(2), lift: [{ kind: 'reshape', table: 'public.t' } as unknown as SchemaStep] }
    expect(schemaPath(1, history(1), [change(1), later])).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('reshape') as string,
    })
  })
})
