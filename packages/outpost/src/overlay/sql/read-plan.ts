import type { Catalog, Table, TableName } from '../../postgres/catalog.ts'
import { shapeOf } from '../encode/table-shape.ts'
import { type PruningPlan, planPruning } from '../prune.ts'
import { bypassOf, systemColumnOf } from '../refuse-read.ts'
import { type AggregateDifference, planDifference } from './aggregate-difference.ts'
import { type MergedText, type MergePlan, mergedText } from './merged-text.ts'
import { shapeName } from './shadow-cte.ts'
import { analyse, type Statement, type TableUse } from './statement.ts'

/** A table that a statement reads, by itself or through views. */
export interface TouchedTable {
  readonly table: Table
  /** How often it is named, views included. */
  count: number
  /** Its only use, when that stands in the statement itself. */
  onlyUse: TableUse | undefined
  isSampled: boolean
  /** Read through a materialised view, which shows an older state. */
  isMaterialized: boolean
}

/** Texts kept per statement; shapes vary with which kinds of pending rows there are. */
const maximumTexts = 32

/** Everything that is known of a statement's text under one catalog, whatever is pending. */
export class ReadPlan {
  readonly statement: Statement
  readonly catalog: Catalog
  readonly touched = new Map<TableName, TouchedTable>()
  /** What is refused while anything is pending. */
  readonly bypass: ReturnType<typeof bypassOf>
  readonly systemColumn: string | undefined
  readonly #functions = new Set<string>()
  /** How often it was run: a statement met again is worth a prepared statement. */
  uses = 0
  #columnNames: Set<string> | undefined = new Set()
  readonly #viewsSeen = new Set<TableName>()
  readonly #pruning = new Map<TableName, PruningPlan>()
  readonly #differences = new Map<TableName, AggregateDifference | undefined>()
  readonly #texts = new Map<string, MergedText>()

  constructor(sql: string, catalog: Catalog) {
    this.catalog = catalog
    this.statement = analyse(sql, catalog, catalog.searchPath)
    this.#touch(this.statement, true, false)
    this.bypass = bypassOf(this.#functions, catalog.userFunctions)
    this.systemColumn = systemColumnOf(this.statement.columns)
  }

  /** Columns read of any table, by name; undefined for all. */
  get columnNames(): ReadonlySet<string> | undefined {
    return this.#columnNames
  }

  /** The outermost rows are cut by a LIMIT: few of the rows of a union will be looked at. */
  get isPage(): boolean {
    const { limitCount, groupClause } = this.statement.select
    return limitCount !== undefined && groupClause === undefined
  }

  /** How pending rows of the table can be pruned, where it is named once. */
  pruningOf(touched: TouchedTable): PruningPlan | undefined {
    const { onlyUse, table } = touched
    if (!onlyUse) return undefined
    const known = this.#pruning.get(table.name) ?? planPruning(this.statement, onlyUse, shapeOf(table))
    this.#pruning.set(table.name, known)
    return known
  }

  /** How an aggregate can be computed from main's own answer, where the table is named once. */
  differenceOf({ onlyUse, table }: TouchedTable): AggregateDifference | undefined {
    if (!onlyUse) return undefined
    if (!this.#differences.has(table.name)) {
      this.#differences.set(table.name, planDifference(this.statement, onlyUse))
    }
    return this.#differences.get(table.name)
  }

  text(plan: MergePlan): MergedText {
    const name = mergeName(plan)
    const known = this.#texts.get(name)
    if (known) return known
    const text = mergedText(this.statement, plan, this.catalog)
    if (this.#texts.size >= maximumTexts) this.#texts.delete(this.#texts.keys().next().value!)
    this.#texts.set(name, text)
    return text
  }

  #touch(statement: Statement, isDirect: boolean, isMaterialized: boolean): void {
    for (const name of statement.functions) this.#functions.add(name)
    if (!statement.columnNames) this.#columnNames = undefined
    for (const name of statement.columnNames ?? []) this.#columnNames?.add(name)
    for (const use of statement.uses) {
      if (use.target?.kind === 'table') this.#touchTable(use, use.target.table, isDirect, isMaterialized)
      else if (use.target?.kind === 'view') {
        const { view } = use.target
        const isStored = isMaterialized || view.isMaterialized
        const key = `${view.name} ${isStored}`
        // A view named twice is looked into once, and its tables count as named more than once.
        const inner = analyse(view.sql, this.catalog, [])
        if (!this.#viewsSeen.has(key)) this.#touch(inner, false, isStored)
        this.#viewsSeen.add(key)
      }
    }
  }

  #touchTable(use: TableUse, table: Table, isDirect: boolean, isMaterialized: boolean): void {
    const touched = this.touched.get(table.name)
    if (!touched) {
      const onlyUse = isDirect && !isMaterialized ? use : undefined
      this.touched.set(table.name, { table, count: 1, onlyUse, isSampled: use.isSampled, isMaterialized })
      return
    }
    touched.count++
    touched.onlyUse = undefined
    touched.isSampled ||= use.isSampled
    touched.isMaterialized ||= isMaterialized
  }
}

/** Equal for plans that give equal text. */
function mergeName({ carried, proof, showsKeyOf, difference }: MergePlan): string {
  const flags = (showsKeyOf ? 1 : 0) + (difference ? 2 : 0)
  const proven = proof ? JSON.stringify([proof.site, proof.lineage, proof.epochs]) : ''
  return `${flags} ${carried.map(shapeName).join(' ')} ${proven}`
}

/** Plans kept; a statement beyond them is parsed again. */
const maximumPlans = 500

/** The plans of the statements run lately, for the current catalog. */
export class ReadPlans {
  readonly #plans = new Map<string, ReadPlan>()
  #version = ''

  get(sql: string, catalog: Catalog): ReadPlan {
    if (catalog.version !== this.#version) this.#plans.clear()
    this.#version = catalog.version
    const plan = this.#plans.get(sql) ?? new ReadPlan(sql, catalog)
    this.#plans.delete(sql)
    this.#plans.set(sql, plan)
    if (this.#plans.size > maximumPlans) this.#plans.delete(this.#plans.keys().next().value!)
    return plan
  }
}
