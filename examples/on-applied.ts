import { EventEmitter, once } from 'node:events'
import { fastify } from 'fastify'
import { openSite } from 'outpost/site'
import type { Place } from './place.ts'

/**
 * Tells another service of every observation that main has committed. The call may come twice, after a crash or a lost
 * answer: the transaction's id goes along as its Idempotency-Key, and the other side does its work once.
 */
export async function run({ link, siteOptions }: Place) {
  const { service, done, answers } = otherService()
  const url = await service.listen({ host: '127.0.0.1', port: 0 })
  const site = await openSite({
    ...siteOptions('on-applied'),
    onApplied: async ({ record }, signal) => {
      const answer = await fetch(`${url}/observed`, {
        method: 'POST',
        headers: { 'idempotency-key': record.id, 'content-type': 'application/json' },
        body: JSON.stringify(record.operations),
        signal,
      })
      if (!answer.ok) throw new Error(`The service answered ${answer.status}.`)
    },
  })
  try {
    link.cut()
    const receipts = []
    for (const target of ['Sirius', 'Canopus']) {
      const write = site.transaction()
      write.insert('observation', { target })
      receipts.push(await site.append(write))
    }
    const whileCut = done.length
    link.restore()
    while (done.length < receipts.length) await once(answers, 'one')
    return {
      whileCut,
      isInOrder: receipts.every(({ transactionId }, index) => done[index] === transactionId),
    }
  } finally {
    await site.stop()
    await service.close()
  }
}

/** The other side: away at the first call, which is made again; then it does for each key its work once. */
function otherService() {
  const service = fastify({ forceCloseConnections: true })
  const done: string[] = []
  const answers = new EventEmitter()
  let calls = 0
  service.post('/observed', (request, reply) => {
    const isAway = ++calls === 1
    const key = String(request.headers['idempotency-key'])
    if (!isAway && !done.includes(key)) done.push(key)
    return reply.code(isAway ? 503 : 204).send()
  })
  service.addHook('onResponse', async () => void answers.emit('one'))
  return { service, done, answers }
}
