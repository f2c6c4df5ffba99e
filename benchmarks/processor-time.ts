import { readdir, readFile } from 'node:fs/promises'

/** Linux counts a process's time in hundredths of a second, whatever its own timer does. */
const ticksPerSecond = 100

/** Seconds of processor time, user and system, that a process and its present children have used. */
export async function processorSeconds(pid: number): Promise<number> {
  const times = await Promise.all([pid, ...(await childrenOf(pid))].map(ownSeconds))
  return times.reduce((sum, seconds) => sum + seconds, 0)
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  )
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}

async function ownSeconds(pid: number): Promise<number> {
  // The name, in brackets, may hold spaces; the numbers follow it. One that has just ended counts no more.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (stat === undefined) return 0
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(numbers[11]) + Number(numbers[12])) / ticksPerSecond
}
