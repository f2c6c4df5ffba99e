import { OutpostError } from '../errors/outpost-error.ts'

/**
 * One critical section per touched key (N22): check and append of two requests on the same row never interleave,
 * those on different rows never wait for each other. Waiters are served in order of arrival.
 */
export class KeyLocks {
  readonly #tails = new Map<string, Promise<void>>()

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#tails.size
  }

  /**
   * Runs `work` while holding every key. All keys are queued for in one synchronous step, so that two callers can
   * never wait for each other. Error: `wait_timeout` when the keys are not free within `timeoutMs`.
   */
  async run<Result>(keys: Iterable<string>, timeoutMs: number, work: () => Promise<Result>): Promise<Result> {
    const unique = [...new Set(keys)]
    const before = unique.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined)
    let free: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      free = resolve
    })
    // Whoever comes later waits for us and for those before us, even when we give up waiting.
    const tail = before.length === 0 ? held : Promise.all([...before, held]).then(() => undefined)
    for (const key of unique) this.#tails.set(key, tail)
    void tail.then(() => {
      for (const key of unique) if (this.#tails.get(key) === tail) this.#tails.delete(key)
    })
    try {
      if (before.length > 0) await withDeadline(Promise.all(before), timeoutMs)
      return await work()
    } finally {
      free()
    }
  }
}

async function withDeadline(ready: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new OutpostError(
            'wait_timeout',
            `Another write on the same row was still under way after ${timeoutMs} ms.`,
            {
              hint: 'Send the request again.',
            },
          ),
        ),
      timeoutMs,
    )
  })
  try {
    await Promise.race([ready, deadline])
  } finally {
    clearTimeout(timer)
  }
}
