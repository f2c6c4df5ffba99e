/** A node of libpg-query's JSON tree: `{ KindOfNode: fields }`, or bare fields where the kind is fixed. */
export type AstNode = { readonly [key: string]: unknown }

export const isNode = (value: unknown): value is AstNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of a wrapped node of this kind. */
export function nodeOf(value: unknown, kind: string): AstNode | undefined {
  if (!isNode(value)) return undefined
  const inner = value[kind]
  return isNode(inner) ? inner : undefined
}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The texts of a list of String nodes; a star becomes `*`. */
export function namesOf(value: unknown): readonly string[] {
  return listOf(value).map((entry) => {
    const text = nodeOf(entry, 'String')?.sval
    return typeof text === 'string' ? text : isNode(entry) && 'A_Star' in entry ? '*' : ''
  })
}

/** Fields of a ColumnRef, `*` for a star; undefined for any other node. */
export function columnRefOf(value: unknown): readonly string[] | undefined {
  const fields = nodeOf(value, 'ColumnRef')?.fields
  return fields === undefined ? undefined : namesOf(fields)
}

/** Byte offset of a node; proto3 JSON leaves out 0. */
export const locationOf = (node: AstNode): number => (typeof node.location === 'number' ? node.location : 0)

/** Calls `visit` with the kind and fields of every wrapped node below; a visit that answers false goes no deeper. */
export function walk(value: unknown, visit: (kind: string, fields: AstNode) => boolean | undefined): void {
  if (Array.isArray(value)) {
    for (const entry of value) walk(entry, visit)
    return
  }
  if (!isNode(value)) return
  for (const [key, child] of Object.entries(value)) {
    if (isNode(child) && /^[A-Z]/.test(key) && visit(key, child) === false) continue
    walk(child, visit)
  }
}

/** Every column reference below, `*` last for a star. */
export function columnRefsIn(...values: readonly unknown[]): readonly (readonly string[])[] {
  const found: (readonly string[])[] = []
  walk(values, (kind, fields) => {
    if (kind === 'ColumnRef') found.push(namesOf(fields.fields))
    return undefined
  })
  return found
}
