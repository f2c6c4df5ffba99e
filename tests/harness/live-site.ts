import { openSiteWith, type Site, type SiteEvent, type SiteSeams } from 'outpost/site'
import type { Ground } from './ground.ts'

/** A site in this process that can be stopped and opened again on its journal. */
export class LiveSite {
  readonly #ground: Ground
  readonly #seams: SiteSeams
  #site: Site | undefined
  /** Every event since the first opening but those of single transactions. */
  readonly events: SiteEvent[] = []

  constructor(ground: Ground, seams: SiteSeams = {}) {
    this.#ground = ground
    this.#seams = seams
  }

  get site(): Site {
    if (this.#site === undefined) throw new Error('The site is not open.')
    return this.#site
  }

  get alarms(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'alarm' ? [event.code] : []))
  }

  async open(): Promise<Site> {
    const site = await openSiteWith(this.#ground.site, this.#seams)
    site.onEvent((event) => {
      if (event.kind !== 'transaction') this.events.push(event)
    })
    this.#site = site
    return site
  }

  async stop(): Promise<void> {
    const site = this.#site
    this.#site = undefined
    await site?.stop()
  }

  async restart(): Promise<Site> {
    await this.stop()
    return await this.open()
  }
}
