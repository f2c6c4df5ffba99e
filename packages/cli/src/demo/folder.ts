import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { livingOwner, makeLabFolder, writeOwner } from '@outpost/lab'
import { OutpostError } from 'outpost'
import { endLeftoverSite } from './leftover-site.ts'
import { type DemoSettings, newSettings, readSettings, writeSettings } from './settings.ts'

/** The folder of one demo: two data directories with their logs, and per site a journal and a log. */
export interface DemoFolder {
  readonly path: string
  readonly settings: DemoSettings
  /** True when it holds the data of an earlier run. */
  readonly isKept: boolean
  siteFolder(name: string): string
  /** Notes that the data is complete: a later run with this folder then starts from it. */
  markReady(settings: DemoSettings): Promise<void>
  /** Gives the folder up; removes it unless it was asked for by name. */
  release(): Promise<void>
}

const ownerFile = 'owner'

/**
 * Takes the folder of `--dir`, or makes a temporary one. What an earlier run left there is ended first; a set-up
 * that never became ready is thrown away. Errors: `folder_in_use` when another demo runs in it, when it holds
 * something else, or when the servers' user cannot enter it.
 */
export async function takeFolder(dir: string | undefined, siteNames: readonly string[]): Promise<DemoFolder> {
  if (dir === undefined) {
    const path = await makeLabFolder()
    await assertReachable(path)
    await makeSiteFolders(path, siteNames)
    return openFolder(path, { settings: newSettings(), isKept: false, isTemporary: true })
  }
  const path = resolve(dir)
  const settings = await claim(path)
  for (const name of siteNames) await endLeftoverSite(join(path, 'sites', name))
  const isKept = settings?.isReady === true
  if (!isKept) await clear(path)
  await makeSiteFolders(path, siteNames)
  await assertReachable(path)
  return openFolder(path, { settings: settings ?? newSettings(), isKept, isTemporary: false })
}

function openFolder(
  path: string,
  facts: { readonly settings: DemoSettings; readonly isKept: boolean; readonly isTemporary: boolean },
): DemoFolder {
  return {
    path,
    settings: facts.settings,
    isKept: facts.isKept,
    siteFolder: (name) => join(path, 'sites', name),
    markReady: (settings) => writeSettings(path, { ...settings, isReady: true }),
    release: () =>
      facts.isTemporary
        ? rm(path, { recursive: true, force: true })
        : rm(join(path, ownerFile), { force: true }),
  }
}

/** Makes this process the owner of the folder; returns the settings of an earlier run, if there was one. */
async function claim(path: string): Promise<DemoSettings | undefined> {
  await mkdir(path, { recursive: true })
  const owner = await livingOwner(join(path, ownerFile))
  if (owner !== undefined) {
    throw new OutpostError('folder_in_use', `${path} is in use by the demo with pid ${owner}.`)
  }
  const settings = await readSettings(path)
  const entries = await readdir(path)
  if (!settings && entries.some((name) => name !== ownerFile)) {
    throw new OutpostError('folder_in_use', `${path} is not empty and was not made by the demo.`, {
      hint: 'Give an empty or a new folder.',
    })
  }
  await writeOwner(join(path, ownerFile))
  // Written before anything else, so that a set-up that is killed halfway is known as ours.
  if (!settings) await writeSettings(path, newSettings())
  return settings ?? (await readSettings(path))
}

async function clear(path: string): Promise<void> {
  for (const name of ['main', 'replica', 'main.log', 'replica.log', 'sites']) {
    await rm(join(path, name), { recursive: true, force: true })
  }
}

async function makeSiteFolders(path: string, siteNames: readonly string[]): Promise<void> {
  for (const name of siteNames) await mkdir(join(path, 'sites', name), { recursive: true, mode: 0o700 })
}

/**
 * As root the servers run as another user, who must be able to walk down to the folder. The folder itself is ours
 * to open; the ones above it are not.
 */
async function assertReachable(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  await chmod(path, 0o755)
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const { mode } = await stat(folder)
    if ((mode & 0o001) === 0) {
      throw new OutpostError(
        'folder_in_use',
        `The servers' user cannot enter ${folder}, which holds ${path}.`,
        {
          hint: `Give a folder that every user can reach, for instance below /var/tmp, or run: chmod o+x ${folder}`,
        },
      )
    }
  }
}
