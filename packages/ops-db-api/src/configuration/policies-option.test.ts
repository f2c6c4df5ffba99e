import { describe, expect, it } from 'vitest'
import { policiesOption } from './policies-option.ts'

const { parse } = policiesOption({ name: 'CONFLICT_POLICIES', description: '' })

describe('CONFLICT_POLICIES', () => {
  it('names a policy for each table', () => {
    expect(parse('public.note=last_writer, public.log=function:public.merge_log')).toEqual({
      kind: 'value',
      value: { 'public.note': 'last_writer', 'public.log': { function: 'public.merge_log' } },
    })
  })

  it.each([
    ['public.note', 'must be table=policy pairs'],
    ['public.note=first_writer', 'must be table=policy pairs'],
    ['public.note=function:merge_log', 'must be table=policy pairs'],
    ['=last_writer', 'must be table=policy pairs'],
    ['public.note=last_writer,public.note=append_only', 'names the table public.note twice'],
  ])('P9: refuses %s', (text, problem) => {
    expect(parse(text)).toEqual({ kind: 'problem', message: expect.stringContaining(problem) as string })
  })
})
