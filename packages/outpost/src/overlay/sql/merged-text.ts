import type { Catalog, TableName } from '../../postgres/catalog.ts'
import { quoteIdent, quoteLiteral } from '../../postgres/quote.ts'
import { newestVersion, type SchemaVersion } from '../../schema/schema-history.ts'
import { type AggregateDifference, differenceText } from './aggregate-difference.ts'
import { type AstNode, isNode, locationOf } from './ast.ts'
import { groupedKeySplices } from './grouped-keys.ts'
import { type AddedParameter, AddedParameters } from './parameters.ts'
import { callsRowFunctions } from './row-by-row.ts'
import { type CarryShape, replacedQuery, shadowQuery } from './shadow-cte.ts'
import { applySplices, type Splice } from './splice.ts'
import { analyse, type Statement, type TableUse } from './statement.ts'
import { topLeaves } from './top-leaves.ts'

/** What to build from a statement; equal plans give equal text. */
export interface MergePlan {
  readonly carried: readonly CarryShape[]
  /** What the node has to show of itself; undefined where nothing has to be proven. */
  readonly proof: ProofPlan | undefined
  /** Shows the key of the one table as text columns at the end of the select list, named {@link hiddenKey}. */
  readonly showsKeyOf: TableUse | undefined
  /** Computes an aggregate from main's own answer and the pending rows of the one carried table. */
  readonly difference: AggregateDifference | undefined
}

/**
 * These change so rarely that they stand in the text, which spares each read most of the parameters; the numbers of
 * the transactions are parameters.
 */
export interface ProofPlan {
  readonly site: string
  readonly lineage: string | undefined
  /** Epoch of each transaction that must be there. */
  readonly epochs: readonly string[]
}

export interface MergedText {
  readonly text: string
  readonly parameters: readonly AddedParameter[]
}

export const hiddenKey = (index: number): string => `_op_key_${index}`

/** The caller's text with the carried tables shadowed by WITH queries and the node's coverage proven. Pure. */
export function mergedText(statement: Statement, plan: MergePlan, catalog: Catalog): MergedText {
  return new MergeWriter(statement, plan, catalog).write()
}

/** A WITH query that stands for a table or a view. */
interface ShadowQuery {
  readonly name: string
  readonly sql: string
}

class MergeWriter {
  readonly #statement: Statement
  readonly #plan: MergePlan
  readonly #catalog: Catalog
  readonly #parameters: AddedParameters
  readonly #shapes: ReadonlyMap<TableName, CarryShape>
  /** Queries made so far by table, with and without ONLY. */
  readonly #shadows = new Map<string, ShadowQuery>()
  readonly #views = new Map<TableName, ShadowQuery>()
  readonly #viewNeeds = new Map<TableName, boolean>()

  constructor(statement: Statement, plan: MergePlan, catalog: Catalog) {
    this.#statement = statement
    this.#plan = plan
    this.#catalog = catalog
    this.#parameters = new AddedParameters(statement.parameterCount)
    this.#shapes = new Map(plan.carried.map((shape) => [shape.table.table.name, shape]))
  }

  write(): MergedText {
    const { difference } = this.#plan
    return difference ? this.#differenceText(difference) : this.#shadowedText()
  }

  #differenceText(difference: AggregateDifference): MergedText {
    const shape = { ...this.#plan.carried[0]!, readsBase: false }
    const { proof } = this.#plan
    const site = proof?.lineage === undefined ? undefined : quoteLiteral(proof.site)
    const oldRows = replacedQuery(shape, this.#parameters, site)
    const newRows = shadowQuery(shape, this.#parameters, true, '_op_old')
    const names = { oldRows: '_op_old', newRows: '_op_new', proof: this.#proof() }
    const { groupsQuery, select } = differenceText(this.#statement, difference, names)
    const queries = [
      `_op_old AS MATERIALIZED (${oldRows})`,
      `_op_new AS NOT MATERIALIZED (${newRows})`,
      `_op_d AS MATERIALIZED (${groupsQuery})`,
    ]
    return { text: `WITH ${queries.join(', ')} ${select}`, parameters: this.#parameters.list }
  }

  #shadowedText(): MergedText {
    const { sql } = this.#statement
    const splices = [...this.#nameSplices(this.#statement), ...this.#keySplices()]
    const queries = [...this.#shadows.values(), ...this.#views.values()].map((query) => query.sql)
    const withSplices = this.#withSplices(queries)
    const proof = this.#proof()
    const text = proof
      ? this.#withProof(proof, [...withSplices, ...splices])
      : applySplices(sql, [...withSplices, ...splices])
    return { text, parameters: this.#parameters.list }
  }

  /** Names of shadowed tables and of views over them, in the statement or in a view's query. */
  #nameSplices(statement: Statement): Splice[] {
    const renamed = new Map<TableUse, { query: string; exposed: string }>()
    for (const use of statement.uses) {
      const query = this.#queryFor(use)
      if (query !== undefined) renamed.set(use, { query, exposed: this.#exposedName(use) })
    }
    const splices = [...renamed].map(([use, { query, exposed }]) => ({
      start: use.start,
      end: use.end,
      text: use.alias === undefined && !use.isTableCommand ? `${query} AS ${quoteIdent(exposed)}` : query,
    }))
    splices.push(...this.#qualifierSplices(statement, renamed))
    for (const scope of statement.scopes) {
      splices.push(...groupedKeySplices(statement, scope, (use) => renamed.has(use)))
    }
    return splices
  }

  #queryFor(use: TableUse): string | undefined {
    if (use.target?.kind === 'view') return this.#viewQuery(use.target.view.name)
    if (use.target?.kind !== 'table') return undefined
    // ONLY of a partitioned table is empty, pending rows or not.
    if (!use.includesChildren && use.target.table.kind === 'partitioned') return undefined
    return this.#shadow(use.target.table.name, use.includesChildren)
  }

  #shadow(table: TableName, includesChildren: boolean): string | undefined {
    const shape = this.#shapes.get(table)
    if (!shape) return undefined
    const key = includesChildren ? table : `ONLY ${table}`
    const known = this.#shadows.get(key)
    if (known) return known.name
    const name = `_op_t${this.#shadows.size}`
    const query = shadowQuery(shape, this.#parameters, includesChildren)
    this.#shadows.set(key, { name, sql: `${name} AS NOT MATERIALIZED (${query})` })
    return name
  }

  /** The name under which the rest of the statement knows it; unique when two schemas' tables share a name. */
  #exposedName(use: TableUse): string {
    const twins = use.scope.uses.filter((other) => (other.alias ?? other.relation) === use.relation)
    return twins.length > 1 ? `_op_${use.relation}_${use.start}` : use.relation
  }

  /** `schema.table.column` names a table that now is a WITH query: the qualifier becomes its alias. */
  #qualifierSplices(
    statement: Statement,
    renamed: ReadonlyMap<TableUse, { readonly exposed: string }>,
  ): Splice[] {
    const splices: Splice[] = []
    for (const { start, fields, scope } of statement.columns) {
      if (fields.length < 3) continue
      const [schema, relation] = [fields.at(-3), fields.at(-2)]
      for (let at: typeof scope | undefined = scope; at; at = at.parent) {
        const use = at.uses.find(
          (candidate) =>
            candidate.alias === undefined &&
            candidate.relation === relation &&
            schemaOf(candidate) === schema,
        )
        if (!use) continue
        const exposed = renamed.get(use)?.exposed
        const first = statement.tokens.indexAt(start)
        const last = statement.tokens.tokens[first + 2 * fields.length - 4]
        if (exposed !== undefined && last) splices.push({ start, end: last.end, text: quoteIdent(exposed) })
        break
      }
    }
    return splices
  }

  /** A view over a shadowed table becomes a WITH query of its own definition; others are left alone. */
  #viewQuery(name: TableName): string | undefined {
    const known = this.#views.get(name)
    if (known) return known.name
    const view = this.#catalog.views.get(name)!
    if (view.isMaterialized || this.#viewNeeds.get(name) === false) return undefined
    const inner = analyse(view.sql, this.#catalog, [])
    const splices = this.#nameSplices(inner)
    this.#viewNeeds.set(name, splices.length > 0)
    if (splices.length === 0) return undefined
    const query = `_op_v${this.#views.size}`
    const sql = applySplices(view.sql, splices).trimEnd().replace(/;$/, '')
    const columns = view.columns.map(quoteIdent).join(', ')
    // A security barrier must not let the caller's conditions in before its own: materialised, it does not.
    const materialized = view.isSecurityBarrier ? 'MATERIALIZED' : 'NOT MATERIALIZED'
    this.#views.set(name, { name: query, sql: `${query}(${columns}) AS ${materialized} (${sql})` })
    return query
  }

  #keySplices(): Splice[] {
    const use = this.#plan.showsKeyOf
    if (use?.target?.kind !== 'table') return []
    const leaf = topLeaves(this.#statement.tokens)![0]!
    const qualifier = quoteIdent(use.alias ?? use.relation)
    const keys = use.target.table.primaryKey.map(
      (name, index) => `, ${qualifier}.${quoteIdent(name)}::text AS ${hiddenKey(index)}`,
    )
    return [{ start: leaf.listEnd, end: leaf.listEnd, text: keys.join('') }]
  }

  /** Our queries first in the statement's WITH clause, or in a clause of their own. */
  #withSplices(queries: readonly string[]): Splice[] {
    if (queries.length === 0) return []
    const clause = this.#statement.select.withClause
    if (!isNode(clause)) return [{ start: 0, end: 0, text: `WITH ${queries.join(', ')} ` }]
    const { tokens } = this.#statement
    const first = tokens.indexAt(locationOf(clause))
    const word = tokens.tokens[clause.recursive === true ? first + 1 : first]!
    return [{ start: word.end, end: word.end, text: ` ${queries.join(', ')},` }]
  }

  /**
   * A condition that raises unless the node's own snapshot has what the overlay let go (N15, N17). Where the rows
   * are there plain look-ups find them, which the plan holds; the function is called for what is missing only.
   */
  #proof(): string | undefined {
    const { proof } = this.#plan
    if (!proof) return undefined
    const { history } = this.#catalog
    const parts = history === undefined ? [] : [sameSchema(newestVersion(history))]
    return [...parts, this.#coverage(proof)].join(' AND ')
  }

  #coverage(proof: ProofPlan): string {
    const site = quoteLiteral(proof.site)
    const lineage = proof.lineage === undefined ? undefined : `${quoteLiteral(proof.lineage)}::uuid`
    const ofLineage = `EXISTS (SELECT FROM outpost.lineage WHERE id = ${lineage})`
    if (proof.epochs.length === 0) return check([ofLineage], `${lineage}, ${site}, NULL, NULL`)
    const checks = proof.epochs.map((text, index) => {
      const epoch = `${quoteLiteral(text)}::uuid`
      const seq = this.#parameters.add({ kind: 'proven_seq', index }, 'bigint')
      const found = `EXISTS (SELECT FROM outpost.ledger WHERE site = ${site} AND epoch = ${epoch} AND seq = ${seq})`
      // The lineage goes with the first: one call less to prepare for.
      const withLineage = index === 0 && lineage !== undefined
      const argument = withLineage ? lineage : 'NULL'
      return check(withLineage ? [ofLineage, found] : [found], `${argument}, ${site}, ${epoch}, ${seq}`)
    })
    return checks.join(' AND ')
  }

  #withProof(proof: string, splices: readonly Splice[]): string {
    const { sql, tokens } = this.#statement
    // Over an aggregate the condition is looked at once per result row, under it once per row of the table.
    const leaves = isAggregate(this.#statement.select) ? undefined : topLeaves(tokens)
    if (!leaves) {
      const inner = applySplices(sql, splices).trimEnd().replace(/;$/, '')
      return `SELECT * FROM (${inner}\n) AS _op_all WHERE ${proof}`
    }
    const added: Splice[] = []
    for (const { where, tableWord } of leaves) {
      if (tableWord) added.push({ ...tableWord, text: 'SELECT * FROM' })
      if ('at' in where) added.push({ start: where.at, end: where.at, text: ` WHERE ${proof}` })
      else {
        added.push({ start: where.start, end: where.start, text: ` ${proof} AND (` })
        added.push({ start: where.end, end: where.end, text: ')' })
      }
    }
    return applySplices(sql, [...splices, ...added])
  }
}

/** What is pending was folded for one form of the tables; the node has it in the same snapshot, or the function raises. */
const sameSchema = (version: SchemaVersion): string =>
  `CASE WHEN coalesce((SELECT max(version) FROM outpost.schema_change), 0) = ${version} THEN true ELSE outpost.has_schema(${version}) END`

/** True where all is found; else what the function says, which raises or knows better. */
const check = (found: readonly string[], parts: string): string =>
  `CASE WHEN ${found.join(' AND ')} THEN true ELSE outpost.covers(${parts}) END`

function schemaOf(use: TableUse): string | undefined {
  if (use.target?.kind === 'table') return use.target.table.schema
  return use.target?.kind === 'view' ? use.target.view.schema : undefined
}

function isAggregate(select: AstNode): boolean {
  if (select.op !== 'SETOP_NONE' || select.groupClause !== undefined || select.havingClause !== undefined) {
    return select.op === 'SETOP_NONE'
  }
  return !callsRowFunctions([select.targetList, select.sortClause], false)
}
