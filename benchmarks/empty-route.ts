import Fastify from 'fastify'

/** The baseline of an acknowledgement: what Fastify itself needs to take a JSON body and answer. */
const app = Fastify()
app.post('/', async () => ({ ok: true }))
app.put('/', async () => ({ ok: true }))
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: Number(new URL(url).port) })
process.once('SIGTERM', () => process.exit())
process.once('disconnect', () => process.exit())
