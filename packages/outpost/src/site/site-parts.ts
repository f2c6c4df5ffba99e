import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { DependencyIndex } from '../transaction/dependency-index.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'
import type { CatalogSource } from './catalog-source.ts'
import type { ConeIndex } from './dead-letters/cone-index.ts'
import type { Decisions } from './dead-letters/decisions.ts'
import type { KeptClock } from './kept-clock.ts'
import type { NodePool } from './node-pool.ts'
import type { SiteSeams } from './open-site.ts'
import type { SentMark } from './sent-mark.ts'
import type { SiteSettings } from './site-settings.ts'

/** What a site is made of once everything it needs is open. */
export interface SiteParts {
  readonly settings: SiteSettings
  readonly clock: Clock
  readonly catalog: CatalogSource
  readonly main: NodePool
  /** Where a secondary site reads. */
  readonly replica: NodePool | undefined
  /** Where the main site reads while main is away. */
  readonly standby: NodePool | undefined
  /** Connections of its own to where the site reads: a crowd of reads must not look like a node that is away. */
  readonly watch: NodePool
  readonly journal: Journal
  readonly overlay: Overlay
  readonly dependencies: DependencyIndex
  readonly cones: ConeIndex
  readonly decisions: Decisions
  /** Decisions that were pending when the journal was opened: a crash may have lost what they made of others. */
  readonly recoveredDecisions: readonly TransactionRecord[]
  readonly sent: SentMark
  readonly keptClock: KeptClock
  readonly seams: SiteSeams
}
