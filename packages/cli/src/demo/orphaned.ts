const lookEveryMs = 1_000

/**
 * Aborts when npm, which started this command, is gone: a kill of `npm start` ends npm and its shell, and nobody
 * would be left to stop the demo. A command started otherwise may well outlive what started it, so it is not
 * watched.
 */
export function untilOrphaned(env: Readonly<Record<string, string | undefined>>): AbortSignal {
  const orphaned = new AbortController()
  if (env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid
    const timer = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(timer)
      orphaned.abort('parent')
    }, lookEveryMs)
    timer.unref()
  }
  return orphaned.signal
}
