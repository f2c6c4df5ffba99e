import { describe, expect, it } from 'vitest'
import { portableNodeArguments } from './node-arguments.ts'

const resolve = (name: string) => `/modules/${name}/index.mjs`

describe('portableNodeArguments', () => {
  it.each([
    [
      ['--conditions=@outpost/source', '--import', 'tsx'],
      ['--conditions=@outpost/source', '--import', 'file:///modules/tsx/index.mjs'],
    ],
    [['--import=tsx'], ['--import=file:///modules/tsx/index.mjs']],
    [
      ['--import', 'file:///a.mjs', '--enable-source-maps'],
      ['--import', 'file:///a.mjs', '--enable-source-maps'],
    ],
    [
      ['--import', '/a.mjs'],
      ['--import', '/a.mjs'],
    ],
    [[], []],
  ])('%j', (given, expected) => expect(portableNodeArguments(given, resolve)).toEqual(expected))

  it('finds a package that is there', () => {
    expect(portableNodeArguments(['--import', 'tsx'])[1]).toMatch(/^file:.*tsx/)
  })
})
