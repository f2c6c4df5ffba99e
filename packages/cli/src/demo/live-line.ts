import { formatDuration } from '../output/quantity.ts'

/** What the line shows, gathered from the link and from the observatory's health and buffer statistics. */
export interface LiveView {
  readonly link: { readonly mode: string; readonly roundTripMs: number }
  /** Undefined without a night to replay. */
  readonly night: { readonly unitsDone: number; readonly units: number; readonly files: number } | undefined
  /** Undefined while the observatory's process does not answer. */
  readonly site: LiveSite | undefined
}

export interface LiveSite {
  readonly buffered: number
  readonly applied: number
  readonly replicated: number
  readonly failed: number
  readonly lagSeconds: number | null
}

const separator = '  |  '

/** The live progress line, cut to the width of the terminal. */
export function renderLiveLine(view: LiveView, width: number): string {
  const parts = [renderLink(view.link), renderNight(view.night), renderSite(view.site)].filter(
    (part) => part !== '',
  )
  return parts.join(separator).slice(0, Math.max(0, width - 1))
}

function renderLink(link: LiveView['link']): string {
  return `link ${link.mode}${link.roundTripMs > 0 ? ` (${link.roundTripMs} ms)` : ''}`
}

function renderNight(night: LiveView['night']): string {
  if (!night) return ''
  return `night ${night.unitsDone}/${night.units} units, ${night.files} files`
}

function renderSite(site: LiveSite | undefined): string {
  if (!site) return 'observatory is down, starting again'
  const lag = site.lagSeconds === null ? 'unknown' : formatDuration(site.lagSeconds * 1000)
  const failed = site.failed > 0 ? `, rejected ${site.failed}` : ''
  return `buffered ${site.buffered}, applied ${site.applied}, replicated ${site.replicated}${failed}${separator}lag ${lag}`
}
