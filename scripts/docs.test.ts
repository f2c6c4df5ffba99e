import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { referencePages } from './reference-pages.ts'

const root = join(import.meta.dirname, '..')
const docs = join(root, 'docs')
const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'))

describe('docs', () => {
  it.each([...referencePages()])('%s says what the code says (else run `npm run docs`)', (path, content) => {
    expect(readFileSync(join(docs, path), 'utf8')).toBe(content)
  })

  it.each([join(root, 'README.md'), ...pages.map((file) => join(docs, file))])(
    '%s links to files that exist',
    (file) => {
      const text = readFileSync(file, 'utf8')
      const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '')
      const missing = targets.filter((target) => !existsSync(join(dirname(file), target)))
      expect(missing).toEqual([])
    },
  )

  it('the README shows code by line 25 and has at most 150 lines', () => {
    const lines = readFileSync(join(root, 'README.md'), 'utf8').split('\n')
    expect(lines.length).toBeLessThanOrEqual(150)
    expect(lines.findIndex((line) => line.startsWith('```'))).toBeLessThan(25)
  })
})
