import Fastify from 'fastify'
import { idempotencyOf, outpostPlugin, outpostTokenOf, sendOutpostToken } from 'outpost/fastify'
import { openSite } from 'outpost/site'
import type { Place } from './place.ts'

/** A web service on a site: its own routes beside the plugin's `/transactions`, `/health` and `/buffer-stats`. */
export async function run({ siteOptions }: Place) {
  const site = await openSite(siteOptions('fastify-app'))
  const app = Fastify()
  await app.register(outpostPlugin, { site }) // every error becomes a problem document (RFC 9457)
  app.addHook('onClose', () => site.stop())

  app.post<{ Body: { target: string } }>('/observations', async (request, reply) => {
    const { headers, method, url: path, body } = request
    const write = site.transaction()
    const observation = write.insert('observation', body)
    const key = headers['idempotency-key']?.toString()
    const idempotency = idempotencyOf({ key, site: site.name, tokenId: 'anyone', method, path, body })
    const receipt = await site.append(write, {
      answer: ({ id }) => ({
        status: 201,
        body: { id: String(observation.get('id')), transaction_id: id },
      }),
      ...(idempotency && { idempotency }),
    })
    sendOutpostToken(reply, receipt.token)
    return await reply.code(receipt.answer?.status ?? 201).send(receipt.answer?.body)
  })

  app.get('/observations', async (request) => {
    const token = outpostTokenOf(request) // a client that hands its token back sees at least what it saw
    const sql = 'SELECT id, target, status FROM observation ORDER BY started_at DESC LIMIT 20'
    return (await site.read(sql, [], token === undefined ? {} : { token })).rows
  })

  try {
    const headers = { 'idempotency-key': 'start-1' }
    const request = { method: 'POST', url: '/observations', headers, payload: { target: 'Mira' } } as const
    const [first, again] = [await app.inject(request), await app.inject(request)]
    const token = String(first.headers['outpost-token'])
    const list = await app.inject({ url: '/observations', headers: { 'outpost-token': token } })
    const wrong = await app.inject({ method: 'POST', url: '/observations', payload: { traget: 'Mira' } })
    const { transaction_id } = first.json<{ transaction_id: string }>()
    return {
      statuses: [first.statusCode, again.statusCode],
      isSameAnswer: first.body === again.body,
      newest: list.json<{ target: string }[]>()[0]?.target,
      wrong: wrong.json<{ code: string }>().code,
      knowsTransaction: (await app.inject({ url: `/transactions/${transaction_id}` })).statusCode,
      health: (await app.inject({ url: '/health' })).statusCode,
    }
  } finally {
    await app.close()
  }
}
