import { openSite } from 'outpost/site'
import type { Place } from './place.ts'

/** Records while the link is cut: the write is durable at the site, and reaches main by itself once the link is back. */
export async function run({ siteOptions, link }: Place) {
  const site = await openSite(siteOptions('record-while-cut'))
  try {
    link.cut()

    const write = site.transaction()
    const observation = write.insert('observation', { target: 'M 42' })
    write.insert('data_file', { observation_id: observation, name: 'm42-001.fits', size_bytes: 2_880 })
    const receipt = await site.append(write) // on stable storage here; main was not asked
    const stateWhileCut = receipt.state

    link.restore()
    await receipt.replicated() // committed on main, and back on the replica of this site

    return { stateWhileCut, stateAfterwards: receipt.state }
  } finally {
    link.restore()
    await site.stop()
  }
}
