import { readFile, writeFile } from 'node:fs/promises'
import { findProcess } from './process-table.ts'

/** Notes in a file who owns what lies beside it: a pid (ours) and when it began, because pids return. */
export async function writeOwner(path: string, pid = process.pid): Promise<void> {
  const owner = await findProcess(pid)
  await writeFile(path, `${pid} ${owner?.startedAt ?? ''}`)
}

/** The pid in an owner file, as long as that very process runs. */
export async function livingOwner(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const match = /^(\d+) (.*)$/.exec(text)
  if (match === null) return undefined
  const found = await findProcess(Number(match[1]))
  const isSame = found !== undefined && found.state !== 'Z' && found.startedAt === match[2]
  return isSame ? found.pid : undefined
}
