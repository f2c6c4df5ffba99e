/** What the link's control refuses with: HTTP status, title and what to do. A code is never renamed. */
export const controlProblems = {
  bad_request: {
    status: 400,
    title: 'The call cannot be understood.',
    hint: 'POST /delay?ms=250 or /bandwidth?bytes_per_s=10000, with that one parameter; the other calls take none.',
  },
  not_found: {
    status: 404,
    title: 'There is no such call.',
    hint: 'GET / tells the state; POST /cut, /restore, /half-open, /delay?ms= and /bandwidth?bytes_per_s= change it.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The path does not take this method.',
    hint: 'Use GET for / and POST for everything that changes the link.',
  },
} as const

export type ControlProblemCode = keyof typeof controlProblems
export type ControlProblem = (typeof controlProblems)[ControlProblemCode] & {
  readonly type: 'about:blank'
  readonly code: ControlProblemCode
  readonly detail: string
}

/** A problem document (RFC 9457) for a code of the table. */
export function controlProblem(code: ControlProblemCode, detail: string): ControlProblem {
  return { type: 'about:blank', code, ...controlProblems[code], detail }
}
