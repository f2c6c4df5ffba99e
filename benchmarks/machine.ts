import { cpus, loadavg, totalmem } from 'node:os'
import { findPostgres } from '@outpost/lab'

/** The machine in one line: figures without it say nothing. The load tells whether something else was running. */
export function describeMachine(): string {
  const cores = cpus()
  const model = cores[0]?.model.trim() ?? 'unknown'
  const gib = (totalmem() / 1024 ** 3).toFixed(0)
  const { major, origin } = findPostgres()
  const load = loadavg()[0]!.toFixed(1)
  const date = new Date().toISOString().slice(0, 10)
  return `${cores.length} cores (${model}), ${gib} GiB, load ${load}, node ${process.version}, PostgreSQL ${major} (${origin}), ${date}`
}
