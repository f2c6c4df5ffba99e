/** One or two parts of a name as PostgreSQL reads it: unquoted parts folded to lower case. */
export interface QualifiedName {
  readonly schema?: string
  readonly relation: string
}

const part = /^(?:"((?:[^"\0]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))/u

/** Undefined for a text that is not a name of one or two parts. */
export function parseQualifiedName(text: string): QualifiedName | undefined {
  const parts: string[] = []
  for (let rest = text.trim(); ; ) {
    const match = part.exec(rest)
    if (match === null) return undefined
    parts.push(match[1] === undefined ? foldCase(match[2]!) : match[1].replaceAll('""', '"'))
    rest = rest.slice(match[0].length)
    if (rest === '') break
    if (!rest.startsWith('.')) return undefined
    rest = rest.slice(1)
  }
  const [first, second, ...more] = parts
  if (first === undefined || more.length > 0) return undefined
  return second === undefined ? { relation: first } : { schema: first, relation: second }
}

/** PostgreSQL folds only ASCII letters in a UTF-8 database. */
function foldCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
