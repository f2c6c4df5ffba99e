import { statfs } from 'node:fs/promises'

/** `f_type` of tmpfs and ramfs on Linux. */
const inMemory: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6])

/** True for a folder whose files a power loss takes away, however often they were synced. */
export async function isInMemory(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const { type } = await statfs(path)
  return inMemory.has(type)
}
