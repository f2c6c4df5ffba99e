import type { Catalog, Table, View } from '../../postgres/catalog.ts'
import { quoteTable } from '../../postgres/quote.ts'
import { refuse } from '../refusals.ts'
import { type AstNode, isNode, listOf, locationOf, namesOf, nodeOf } from './ast.ts'
import { parseSelect } from './parse-cache.ts'
import { TokenMap } from './token-map.ts'

/** One SELECT of a statement, at any depth; the two sides of a set operation are scopes of their own. */
export interface SelectScope {
  /** Fields of the SelectStmt. */
  readonly select: AstNode
  readonly parent: SelectScope | undefined
  /** Relations named in its own FROM, in order. */
  readonly uses: TableUse[]
}

/** A relation's name in a FROM clause that is not a WITH query. */
export interface TableUse {
  /** Bytes of the name, without ONLY and alias. */
  readonly start: number
  readonly end: number
  readonly relation: string
  readonly alias: string | undefined
  readonly hasColumnAliases: boolean
  /** False after ONLY. */
  readonly includesChildren: boolean
  readonly isSampled: boolean
  /** Named by `TABLE t`, which takes no alias. */
  readonly isTableCommand: boolean
  readonly scope: SelectScope
  /** Undefined when the catalog does not know it: PostgreSQL decides then. */
  readonly target:
    | { readonly kind: 'table'; readonly table: Table }
    | { readonly kind: 'view'; readonly view: View }
    | undefined
}

export interface ColumnUse {
  readonly start: number
  /** Qualifiers and name; `*` last for a star. */
  readonly fields: readonly string[]
  readonly scope: SelectScope
}

/** What a merged read has to know of a statement, whatever is pending. */
export interface Statement {
  readonly sql: string
  readonly select: AstNode
  readonly tokens: TokenMap
  readonly top: SelectScope
  readonly scopes: readonly SelectScope[]
  readonly uses: readonly TableUse[]
  readonly columns: readonly ColumnUse[]
  /** Last names of all column references and joins by name: no other column is read. `undefined`: all are. */
  readonly columnNames: ReadonlySet<string> | undefined
  /** Called functions, lower case, without schema. */
  readonly functions: ReadonlySet<string>
  /** Highest `$n`. */
  readonly parameterCount: number
}

/** Parses and resolves a statement. Errors: `read_invalid`, and `read_refused` for what never can be merged. */
export function analyse(sql: string, catalog: Catalog, searchPath: readonly string[]): Statement {
  return new Analysis(sql, catalog, searchPath).statement()
}

class Analysis {
  readonly #sql: string
  readonly #catalog: Catalog
  readonly #searchPath: readonly string[]
  readonly #parsed: AstNode
  readonly #tokens: TokenMap
  readonly #scopes: SelectScope[] = []
  readonly #uses: TableUse[] = []
  readonly #columns: ColumnUse[] = []
  readonly #functions = new Set<string>()
  readonly #joinColumns = new Set<string>()
  #readsAllColumns = false
  #parameterCount = 0

  constructor(sql: string, catalog: Catalog, searchPath: readonly string[]) {
    this.#sql = sql
    this.#catalog = catalog
    this.#searchPath = searchPath
    // Parsed first: the scanner does not say well what is wrong with a text.
    this.#parsed = parseSelect(sql)
    this.#tokens = new TokenMap(sql)
  }

  statement(): Statement {
    const select = this.#parsed
    const top = this.#select(select, undefined, new Set())
    return {
      sql: this.#sql,
      select,
      tokens: this.#tokens,
      top,
      scopes: this.#scopes,
      uses: this.#uses,
      columns: this.#columns,
      columnNames: this.#columnNames(),
      functions: this.#functions,
      parameterCount: this.#parameterCount,
    }
  }

  #select(select: AstNode, parent: SelectScope | undefined, outer: ReadonlySet<string>): SelectScope {
    if (select.lockingClause !== undefined) throw refuse('row_locking', 'FOR UPDATE / FOR SHARE')
    if (select.intoClause !== undefined) throw refuse('select_into', 'SELECT INTO')
    const scope: SelectScope = { select, parent, uses: [] }
    this.#scopes.push(scope)
    const names = this.#withClause(select.withClause, scope, outer)
    for (const [field, value] of Object.entries(select)) {
      if (field === 'withClause') continue
      if ((field === 'larg' || field === 'rarg') && isNode(value)) this.#select(value, scope, names)
      else this.#visit(value, scope, names)
    }
    return scope
  }

  /** Names of WITH queries that the statement sees; each query itself sees those before it, or all when RECURSIVE. */
  #withClause(clause: unknown, scope: SelectScope, outer: ReadonlySet<string>): ReadonlySet<string> {
    if (!isNode(clause)) return outer
    const names = new Set(outer)
    const queries = listOf(clause.ctes).map((entry) => nodeOf(entry, 'CommonTableExpr')!)
    if (clause.recursive === true) for (const query of queries) names.add(String(query.ctename))
    for (const query of queries) {
      const inner = nodeOf(query.ctequery, 'SelectStmt')
      if (!inner) throw refuse('modifying_cte', `WITH ${String(query.ctename)}`)
      this.#select(inner, scope, new Set(names))
      names.add(String(query.ctename))
    }
    return names
  }

  #visit(value: unknown, scope: SelectScope, names: ReadonlySet<string>): void {
    if (Array.isArray(value)) {
      for (const entry of value) this.#visit(entry, scope, names)
      return
    }
    if (!isNode(value)) return
    for (const [key, child] of Object.entries(value)) {
      if (isNode(child) && /^[A-Z]/.test(key)) this.#node(key, child, scope, names)
      else this.#visit(child, scope, names)
    }
  }

  #node(kind: string, fields: AstNode, scope: SelectScope, names: ReadonlySet<string>): void {
    switch (kind) {
      case 'SelectStmt':
        this.#select(fields, scope, names)
        return
      case 'RangeVar':
        this.#relation(fields, scope, names, false)
        return
      case 'RangeTableSample':
        this.#relation(nodeOf(fields.relation, 'RangeVar') ?? fields, scope, names, true)
        this.#visit(fields.args, scope, names)
        return
      case 'ColumnRef':
        this.#columns.push({ start: locationOf(fields), fields: namesOf(fields.fields), scope })
        return
      case 'JoinExpr':
        if (fields.isNatural === true) this.#readsAllColumns = true
        for (const name of namesOf(fields.usingClause)) this.#joinColumns.add(name)
        break
      case 'FuncCall':
        this.#functions.add((namesOf(fields.funcname).at(-1) ?? '').toLowerCase())
        break
      case 'ParamRef':
        this.#parameterCount = Math.max(this.#parameterCount, Number(fields.number ?? 0))
        return
    }
    this.#visit(fields, scope, names)
  }

  #relation(fields: AstNode, scope: SelectScope, names: ReadonlySet<string>, isSampled: boolean): void {
    const schema = typeof fields.schemaname === 'string' ? fields.schemaname : undefined
    const relation = String(fields.relname)
    if (schema === undefined && names.has(relation)) return
    const parts = typeof fields.catalogname === 'string' ? 3 : schema === undefined ? 1 : 2
    const first = this.#tokens.indexAt(locationOf(fields))
    const alias = isNode(fields.alias) ? fields.alias : undefined
    const use: TableUse = {
      start: this.#tokens.tokens[first]!.start,
      end: this.#tokens.tokens[first + 2 * parts - 2]!.end,
      relation,
      alias: typeof alias?.aliasname === 'string' ? alias.aliasname : undefined,
      hasColumnAliases: listOf(alias?.colnames).length > 0,
      includesChildren: fields.inh === true,
      isSampled,
      isTableCommand: isTableWord(this.#tokens, first),
      scope,
      target: this.#resolve(schema, relation),
    }
    this.#uses.push(use)
    scope.uses.push(use)
  }

  #resolve(schema: string | undefined, relation: string): TableUse['target'] {
    for (const candidate of schema === undefined ? this.#searchPath : [schema]) {
      const name = quoteTable(candidate, relation)
      const table = this.#catalog.tables.get(name)
      if (table) return { kind: 'table', table }
      const view = this.#catalog.views.get(name)
      if (view) return { kind: 'view', view }
    }
    return undefined
  }

  /** A star, a whole row or a list of column aliases reads every column. */
  #columnNames(): ReadonlySet<string> | undefined {
    const names = new Set(this.#joinColumns)
    const rows = new Set(this.#uses.map((use) => use.alias ?? use.relation))
    const isAll = this.#uses.some((use) => use.hasColumnAliases) || this.#readsAllColumns
    for (const { fields } of this.#columns) {
      const last = fields.at(-1)!
      if (isAll || last === '*' || rows.has(last)) return undefined
      names.add(last)
    }
    return isAll ? undefined : names
  }
}

function isTableWord(tokens: TokenMap, first: number): boolean {
  const before = tokens.tokens[first - 1]?.text === 'ONLY' ? first - 2 : first - 1
  return tokens.isKeyword(before, 'TABLE')
}
