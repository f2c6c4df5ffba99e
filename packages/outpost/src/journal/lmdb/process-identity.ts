import { readFileSync } from 'node:fs'

/** Tells a process apart from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot at which it started, from `/proc/<pid>/stat`; empty where there is no `/proc`. */
  readonly startedAt: string
  /** Empty where there is no `/proc`. */
  readonly bootId: string
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid)?.startedAt ?? '', bootId: bootId() }
}

/** False when it surely ended: the machine was booted since, the pid is free, a zombie, or another process. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false
  const found = startOf(identity.pid)
  if (found !== undefined) return found.state !== 'Z' && found.startedAt === identity.startedAt
  return identity.startedAt === '' && answersSignals(identity.pid)
}

function startOf(pid: number): { readonly state: string; readonly startedAt: string } | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
}

function bootId(): string {
  return readOrUndefined('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
