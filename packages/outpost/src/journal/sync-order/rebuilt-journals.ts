import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { moments } from './acknowledgements.ts'
import { DiskModel } from './disk-model.ts'
import { programArguments, runProgram } from './run-program.ts'
import { mulberry32 } from './seeded-random.ts'
import type { TraceEvent } from './trace.ts'
import type { Rebuilt } from './verdict.ts'

/**
 * Rebuilds the journal as a power loss could have left it at random acknowledgements: at each once with nothing but
 * what was synced, and once with some of the rest.
 */
export async function rebuildJournals(
  events: readonly TraceEvent[],
  dataFile: string,
  target: string,
  points: number,
  seed: number,
): Promise<readonly Rebuilt[]> {
  const random = mulberry32(seed)
  const disk = new DiskModel(events, dataFile)
  const left = moments(events)
  const rebuilt: Rebuilt[] = []
  for (let point = 0; point < points; point += 1) {
    const { line, told } = left[Math.floor(random() * left.length)]!
    for (const pick of [() => 0, random]) {
      const folder = join(target, String(rebuilt.length))
      await mkdir(folder, { recursive: true })
      const contents = disk.contentsAt(line, pick)
      if (contents !== undefined) await writeFile(join(folder, 'data.mdb'), contents)
      rebuilt.push({ folder, told })
    }
  }
  return rebuilt
}

/** What is wrong with each journal, `ok` where nothing is. A journal that ends its reader is reported as such. */
export async function verdicts(rebuilt: readonly Rebuilt[], listFile: string): Promise<readonly string[]> {
  const found: string[] = []
  while (found.length < rebuilt.length) {
    await writeFile(listFile, JSON.stringify(rebuilt.slice(found.length)))
    const { output, code, signal } = await runProgram(process.execPath, [
      ...programArguments('check-program.ts'),
      listFile,
    ])
    found.push(...output.split('\n').filter((line) => line !== ''))
    if (found.length < rebuilt.length) found.push(`ended its reader (${signal ?? code})`)
  }
  return found
}
