/** Every exit code of `outpost`, as help and documentation print it. */
export const exitCodes: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'done; for `status`: healthy' },
  { code: 1, meaning: 'failed; for `status`: degraded or unhealthy' },
  { code: 2, meaning: 'wrong usage, input or configuration' },
  { code: 3, meaning: 'a site or a database cannot be reached' },
  { code: 4, meaning: 'refused to protect data' },
]

export const exitCodeHelp = `Exit codes:\n${exitCodes.map(({ code, meaning }) => `  ${code}  ${meaning}`).join('\n')}\n`

/** The examples below a command's help. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`
}
