import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LinkControl, startLinkControl } from './control.ts'
import { type Link, startLink } from './link.ts'

describe('the control of a link', () => {
  let link: Link
  let control: LinkControl

  beforeAll(async () => {
    link = await startLink({ target: { host: '127.0.0.1', port: 9 } })
    control = await startLinkControl(link, { status: () => ({ observatory: { pid: 42 } }) })
  })

  afterAll(async () => {
    await control.stop()
    await link.stop()
  })

  const call = async (method: string, path: string) => {
    const response = await fetch(control.url + path, { method })
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    }
  }

  it('reports the link and what it is given beside', async () => {
    const { status, body } = await call('GET', '/')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      state: 'up',
      delay_ms: 0,
      bandwidth_bytes_per_s: null,
      forwards: { default: { target: '127.0.0.1:9', connections: { open: 0 }, bytes: { to_target: 0 } } },
      observatory: { pid: 42 },
    })
  })

  it.each([
    ['/cut', { state: 'cut' }],
    ['/restore', { state: 'up' }],
    ['/half-open', { state: 'half-open' }],
    ['/restore', { state: 'up' }],
    ['/delay?ms=250', { delay_ms: 250 }],
    ['/delay?ms=0.5', { delay_ms: 0.5 }],
    ['/delay?ms=0', { delay_ms: 0 }],
    ['/bandwidth?bytes_per_s=10000', { bandwidth_bytes_per_s: 10000 }],
    ['/bandwidth?bytes_per_s=0', { bandwidth_bytes_per_s: null }],
    ['/bandwidth?bytes_per_s=5', { bandwidth_bytes_per_s: 5 }],
    ['/bandwidth', { bandwidth_bytes_per_s: null }],
  ])('POST %s', async (path, expected) => {
    const { status, body } = await call('POST', path)
    expect(status).toBe(200)
    expect(body).toMatchObject(expected)
  })

  it.each([
    ['POST', '/delay', 400],
    ['POST', '/delay?ms=', 400],
    ['POST', '/delay?ms=-1', 400],
    ['POST', '/delay?ms=1e9', 400],
    ['POST', '/delay?ms=700000', 400],
    ['POST', '/delay?ms=1&ms=2', 400],
    ['POST', '/delay?ms=%00', 400],
    ['POST', '/bandwidth?bytes_per_s=fast', 400],
    ['POST', '/bandwidth?bytes_per_s=0.5', 400],
    ['POST', '/bandwidth?bps=5', 400],
    ['POST', '/cut?ms=5', 400],
    ['POST', '/__proto__', 404],
    ['GET', '/nowhere', 404],
    ['GET', '/cut', 405],
    ['DELETE', '/restore', 405],
    ['POST', '/', 405],
  ])('P9: %s %s gets a problem document with %i and changes nothing', async (method, path, expected) => {
    const before = link.state()
    const { status, headers, body } = await call(method, path)
    expect(status).toBe(expected)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(headers.has('allow')).toBe(expected === 405)
    expect(body).toMatchObject({
      type: 'about:blank',
      status: expected,
      code: expect.any(String),
      title: expect.any(String),
      detail: expect.any(String),
      hint: expect.stringMatching(/POST/),
    })
    expect(link.state()).toEqual(before)
  })

  it.each([
    ['a target that is no path', 'POST http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['what is no HTTP', 'cut, please\r\n\r\n'],
  ])('P9: answers %s', async (_name, bytes) => {
    const socket = connect(Number(new URL(control.url).port), '127.0.0.1')
    socket.end(bytes)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 400 Bad Request\r\n(.*\r\n)*.*application\/problem\+json/)
    expect(JSON.parse(body)).toMatchObject({ code: 'bad_request', hint: expect.any(String) })
  })
})
