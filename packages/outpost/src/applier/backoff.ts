export interface BackoffOptions {
  readonly firstMs: number
  readonly capMs: number
}

const defaultBackoff: BackoffOptions = { firstMs: 100, capMs: 5_000 }

/**
 * Pure: how long to wait before try number `failures` + 1. Doubles up to the cap; half of it is random, so that many
 * sites do not come back in step. `random` lies in [0, 1).
 */
export function backoffMs(
  failures: number,
  random: number,
  options: BackoffOptions = defaultBackoff,
): number {
  const full = Math.min(options.capMs, options.firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * random)
}
