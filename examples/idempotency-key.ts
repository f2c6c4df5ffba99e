import { isOutpostError, openSite, type Site } from 'outpost/site'
import type { Place } from './place.ts'

/** A client that got no answer asks again with the same key: one write, and the first answer, also after a restart. */
export async function run({ siteOptions }: Place) {
  let site = await openSite(siteOptions('idempotency-key'))
  try {
    const first = await start(site, { target: 'Sirius' })
    await site.stop()
    site = await openSite(siteOptions('idempotency-key')) // the same journal
    const again = await start(site, { target: 'Sirius' })
    const other = await start(site, { target: 'Procyon' }).catch((error: unknown) =>
      isOutpostError(error, 'idempotency_conflict') ? error.code : Promise.reject(error),
    )
    const { rows } = await site.read(`SELECT id FROM observation WHERE target = $1`, ['Sirius'])
    return {
      isReplayed: again.isReplayed,
      isSameAnswer: JSON.stringify(again.answer) === JSON.stringify(first.answer),
      rows: rows.length,
      otherRequestWithTheKey: other,
    }
  } finally {
    await site.stop()
  }
}

async function start(site: Site, request: { readonly target: string }) {
  const write = site.transaction()
  const observation = write.insert('observation', request)
  return await site.append(write, {
    // `outpost/fastify` makes these from a request: site and API token, the header, a hash of method, path and body.
    idempotency: { scope: 'telescope', key: 'night-7-start-3', requestDigest: JSON.stringify(request) },
    answer: ({ id }) => ({
      status: 201,
      body: { id: String(observation.get('id')), transaction_id: id },
    }),
  })
}
