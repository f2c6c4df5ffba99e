import { loadModule, parseSync } from 'libpg-query'
import { OutpostError } from '../../errors/outpost-error.ts'
import { refuse } from '../refusals.ts'
import { type AstNode, isNode, listOf, nodeOf } from './ast.ts'

let isLoaded = false

/** Loads PostgreSQL's grammar once; needed before the first {@link parseSelect}. */
export async function loadGrammar(): Promise<void> {
  if (isLoaded) return
  await loadModule()
  isLoaded = true
}

/**
 * The SelectStmt of a text that is one SELECT, VALUES or TABLE. Errors: `read_invalid` where PostgreSQL's grammar
 * refuses it or it is not one statement, `read_refused` for any other kind of statement.
 */
export function parseSelect(sql: string): AstNode {
  if (sql.includes('\0')) throw new OutpostError('read_invalid', 'The statement contains a NUL character.')
  const statements = listOf(parsed(sql).stmts)
  if (statements.length !== 1) {
    throw new OutpostError('read_invalid', `The text holds ${statements.length} statements; one is needed.`)
  }
  const statement = isNode(statements[0]) ? statements[0].stmt : undefined
  const select = nodeOf(statement, 'SelectStmt')
  if (!select)
    throw refuse('not_a_select', isNode(statement) ? (Object.keys(statement)[0] ?? 'statement') : 'statement')
  return select
}

function parsed(sql: string): AstNode {
  try {
    const tree: unknown = parseSync(sql)
    if (isNode(tree)) return tree
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new OutpostError('read_invalid', `The statement cannot be parsed: ${message}.`, { cause: error })
  }
  throw new OutpostError('read_invalid', 'The statement is empty.')
}
