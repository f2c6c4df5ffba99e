import { Applier } from '../applier/applier.ts'
import type { ApplierListeners } from '../applier/applier-options.ts'
import { pgMainSessions } from '../applier/pg-main-session.ts'
import { type TableRules, tableRules } from '../ledger/table-rules.ts'
import type { TableName } from '../postgres/catalog.ts'
import { connectionConfig } from '../postgres/connection-config.ts'
import type { CatalogSource } from './catalog-source.ts'
import type { SiteParts } from './site-parts.ts'

/** Nobody at a secondary site waits for main, so that it can be spared; the main site's answers wait for it (N5). */
const secondaryGatherMs = 20

/** The applier of a site, with a connection of its own to main. */
export function siteApplier(parts: SiteParts, listeners: ApplierListeners): Applier {
  const { settings, clock, journal, catalog, decisions, seams } = parts
  const config = connectionConfig(settings.main, { applicationName: `outpost ${settings.name} applier` })
  const open = pgMainSessions({ config, clock })
  return new Applier({
    gatherMs: settings.type === 'secondary' ? secondaryGatherMs : 0,
    site: settings.name,
    journal,
    clock,
    decided: decisions,
    openSession: seams.sessions?.(open) ?? open,
    random: Math.random,
    rules: currentRules(catalog),
    schema: { known: () => catalog.history, present: () => catalog.current.history },
    retryAttempts: settings.retryAttempts,
    retryDelayMs: settings.retryDelayMs,
    idleIntervalMs: settings.idleIntervalMs,
    calls: settings.applierCalls,
    ...listeners,
  })
}

/** Made anew only when the catalog has changed. */
function currentRules(catalog: CatalogSource): () => (table: TableName) => TableRules {
  let rules = { version: '', of: tableRules(undefined) }
  return () => {
    const { current } = catalog
    if (rules.version !== current.version) rules = { version: current.version, of: tableRules(current) }
    return rules.of
  }
}
