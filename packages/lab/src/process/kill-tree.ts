import { descendantsOf, isAlive, signal } from './process-table.ts'
import { waitFor } from './wait-for.ts'

/**
 * Ends a process and all its descendants with kill -9 and returns when none runs. The parent is stopped first, so
 * that no child is born unseen; children are collected before it dies, because afterwards nothing leads to them.
 */
export async function killTree(pid: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  const tree = [pid, ...(await descendantsOf(pid))]
  for (const each of tree) signal(each, 'SIGKILL')
  await waitFor(async () => !(await Promise.all(tree.map(isAlive))).includes(true), {
    what: `the end of process ${pid} and its children`,
    everyMs: 5,
  })
}

/** Freezes a process and all its descendants (SIGSTOP), parents first so that no child is born unseen. */
export async function pauseTree(pid: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  for (const child of await descendantsOf(pid)) signal(child, 'SIGSTOP')
}

/** Lets a frozen process and all its descendants go on, children first. */
export async function resumeTree(pid: number): Promise<void> {
  for (const child of (await descendantsOf(pid)).reverse()) signal(child, 'SIGCONT')
  signal(pid, 'SIGCONT')
}
