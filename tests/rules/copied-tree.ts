import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const copied = [
  'packages',
  'tests',
  'package.json',
  'vitest.config.ts',
  'tsconfig.base.json',
  'tsconfig.test.json',
]
const left = new Set(['dist', 'node_modules'])
/** Packages of the workspace: they must resolve to the copy, everything else to what is installed. */
const workspace: Readonly<Record<string, string>> = {
  outpost: 'outpost',
  '@outpost/lab': 'lab',
  '@outpost/ops-db-api': 'ops-db-api',
  '@outpost/cli': 'cli',
}

/** A copy of the sources with the installed packages beside it, so that a rule can be taken out of it. */
export class CopiedTree {
  readonly root: string

  private constructor(root: string) {
    this.root = root
  }

  static async make(from: string): Promise<CopiedTree> {
    const tree = new CopiedTree(await mkdtemp(join(tmpdir(), 'outpost-rules-')))
    const filter = (source: string): boolean => !left.has(basename(source))
    for (const name of copied) await cp(join(from, name), join(tree.root, name), { recursive: true, filter })
    await tree.#install(join(from, 'node_modules'))
    return tree
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }

  /** Runs `work` while `find` is replaced; undefined when it does not stand once in the file, which is as before after. */
  async mutated<Result>(
    { file, find, replace }: { readonly file: string; readonly find: string; readonly replace: string },
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const path = join(this.root, file)
    const text = await readFile(path, 'utf8')
    if (text.split(find).length !== 2) return undefined
    // As a function: the replacement may hold `$`.
    await writeFile(
      path,
      text.replace(find, () => replace),
    )
    try {
      return await work()
    } finally {
      await writeFile(path, text)
    }
  }

  async #install(installed: string): Promise<void> {
    const target = join(this.root, 'node_modules')
    await mkdir(join(target, '@outpost'), { recursive: true })
    for (const name of await readdir(installed)) {
      const isOwn = name in workspace || name === '@outpost'
      const isCache = name.startsWith('.') && name !== '.bin'
      if (!isOwn && !isCache) await symlink(join(installed, name), join(target, name))
    }
    for (const [name, folder] of Object.entries(workspace))
      await symlink(join(this.root, 'packages', folder), join(target, name))
  }
}
