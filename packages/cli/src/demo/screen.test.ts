import { describe, expect, it } from 'vitest'
import { renderInstructions, tryCommands } from './instructions.ts'
import { keyAction } from './keys.ts'
import { renderLiveLine } from './live-line.ts'
import { type ReadyDemo, renderReadyLine } from './ready-line.ts'

const demo: ReadyDemo = {
  main: { url: 'http://127.0.0.1:8000', token: 'tm', database_url: 'postgres://main', pid: 1 },
  observatory: { url: 'http://127.0.0.1:8001', token: 'to', database_url: 'postgres://replica', pid: 2 },
  link: { url: 'http://127.0.0.1:8002' },
}

describe('renderReadyLine', () => {
  it('is one line of JSON with exactly the promised members', () => {
    const line = renderReadyLine(demo)
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(JSON.parse(line)).toEqual(demo)
  })
})

describe('renderInstructions', () => {
  const facts = {
    demo,
    folder: '/data',
    keepsData: false,
    server: 'PostgreSQL 18 (embedded)',
    readyAfterMs: 3_210,
    obsUnitId: 7,
    hasKeys: true,
  }

  it('names every place and every command', () => {
    const text = renderInstructions(facts)
    for (const part of [
      demo.main.url,
      demo.observatory.url,
      demo.link.url,
      'postgres://main',
      'postgres://replica',
    ]) {
      expect(text).toContain(part)
    }
    for (const { command } of tryCommands(demo, 7)) expect(text).toContain(command)
    expect(text).not.toContain(`${demo.link.url}/ `)
    expect(text).toContain('ready after 3.2 s')
    expect(text).toContain('/data (removed at the end)')
  })

  it('does not offer keys where nobody can press them', () => {
    expect(renderInstructions({ ...facts, hasKeys: false })).not.toContain('Keys:')
  })
})

describe('renderLiveLine', () => {
  const site = { buffered: 3, applied: 2, replicated: 120, failed: 0, lagSeconds: 0.4 }
  const night = { unitsDone: 12, units: 60, files: 401 }

  it('shows link, night, counts and lag', () => {
    expect(renderLiveLine({ link: { mode: 'up', roundTripMs: 0 }, night, site }, 200)).toBe(
      'link up  |  night 12/60 units, 401 files  |  buffered 3, applied 2, replicated 120  |  lag 400 ms',
    )
  })

  it('shows rejections, an unknown lag and the delay', () => {
    const view = {
      link: { mode: 'cut', roundTripMs: 250 },
      night: undefined,
      site: { ...site, failed: 1, lagSeconds: null },
    }
    expect(renderLiveLine(view, 200)).toBe(
      'link cut (250 ms)  |  buffered 3, applied 2, replicated 120, rejected 1  |  lag unknown',
    )
  })

  it('says that the observatory is down', () => {
    expect(
      renderLiveLine({ link: { mode: 'up', roundTripMs: 0 }, night: undefined, site: undefined }, 200),
    ).toBe('link up  |  observatory is down, starting again')
  })

  it('stays on one line of the terminal', () => {
    expect(renderLiveLine({ link: { mode: 'up', roundTripMs: 0 }, night, site }, 20)).toHaveLength(19)
  })
})

describe('keyAction', () => {
  it.each([
    ['c', { kind: 'cut' }],
    ['R', { kind: 'restore' }],
    ['h', { kind: 'half_open' }],
    ['d', { kind: 'delay', roundTripMs: 250 }],
    ['q', { kind: 'quit' }],
    ['\u0003', { kind: 'quit' }],
    ['x', undefined],
  ])('%j', (key, action) => {
    expect(keyAction(key, 0)).toEqual(action)
  })

  it('d takes the delay away again', () => {
    expect(keyAction('d', 250)).toEqual({ kind: 'delay', roundTripMs: 0 })
  })
})
