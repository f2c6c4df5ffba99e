import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'

const lines = 20_000
const program = `
  import { printNow } from ${JSON.stringify(new URL('print-now.ts', import.meta.url).href)}
  for (let number = 0; number < ${lines}; number++) printNow('line ' + number)
`

describe('printing at once', () => {
  it('waits for a reader that is slower than the pipe is long', async () => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    // Nobody reads until the pipe is full: only then does the program have to wait.
    await once(child.stdout, 'readable')
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      child.stdout.pause()
      setTimeout(() => child.stdout.resume(), 2)
    })
    const [code] = await ended
    expect(code).toBe(0)
    expect(Buffer.concat(chunks).toString()).toBe(
      Array.from({ length: lines }, (_, number) => `line ${number}\n`).join(''),
    )
  })
})
