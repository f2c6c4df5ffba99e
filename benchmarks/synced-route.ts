import { open } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'

/**
 * The least that a durable acknowledgement costs on this machine: Fastify, the body appended to a file, one
 * `fdatasync` for all that came meanwhile, the answer. Nothing is checked, looked up or sent on.
 */
const file = await open(join(process.cwd(), 'synced-route.bin'), 'a')

let gathered: { readonly bytes: Buffer; readonly answer: () => void }[] = []
let isSyncing = false

async function sync(): Promise<void> {
  isSyncing = true
  while (gathered.length > 0) {
    const group = gathered
    gathered = []
    await file.appendFile(Buffer.concat(group.map(({ bytes }) => bytes)))
    await file.datasync()
    for (const { answer } of group) answer()
  }
  isSyncing = false
}

async function record(body: unknown): Promise<{ readonly ok: true }> {
  const durable = new Promise<void>((answer) => {
    gathered.push({ bytes: Buffer.from(JSON.stringify(body)), answer })
  })
  // One that fails ends the process, and the benchmark with its reason.
  if (!isSyncing) void sync()
  await durable
  return { ok: true }
}

const app = Fastify()
app.post('/', async ({ body }) => await record(body))
app.put('/', async ({ body }) => await record(body))
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: Number(new URL(url).port) })
process.once('SIGTERM', () => process.exit())
process.once('disconnect', () => process.exit())
