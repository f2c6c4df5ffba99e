/** One site of the running demo, as `--json` prints it. */
export interface ReadySite {
  readonly url: string
  readonly token: string
  readonly database_url: string
  readonly pid: number
}

/** What the running demo offers. `observatory.database_url` is its replica. */
export interface ReadyDemo {
  readonly main: ReadySite
  readonly observatory: ReadySite
  readonly link: { readonly url: string }
}

/** The one line that `outpost demo --json` prints on stdout. */
export function renderReadyLine(demo: ReadyDemo): string {
  return `${JSON.stringify(demo)}\n`
}
