import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '../site/site-client.ts'

/** What a demo must remember to go on with its folder: only its owner can read the file. */
export interface DemoSettings {
  /** Signs the tokens of both sites, so that each reads the other's. */
  readonly secretKey: string
  /** API tokens by site; the database keeps only their hashes. */
  readonly tokens: { readonly main: string; readonly observatory: string } | null
  /** True once the databases were complete. */
  readonly isReady: boolean
}

const settingsFile = 'demo.json'

export function newSettings(): DemoSettings {
  return { secretKey: randomBytes(32).toString('hex'), tokens: null, isReady: false }
}

/** The settings in a folder, undefined where there are none or they are not of a demo. */
export async function readSettings(folder: string): Promise<DemoSettings | undefined> {
  const text = await readFile(join(folder, settingsFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : parseSettings(text)
}

function parseSettings(text: string): DemoSettings | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value) || typeof value.secretKey !== 'string' || typeof value.isReady !== 'boolean')
    return undefined
  const { tokens } = value
  const known =
    isRecord(tokens) && typeof tokens.main === 'string' && typeof tokens.observatory === 'string'
      ? { main: tokens.main, observatory: tokens.observatory }
      : null
  return { secretKey: value.secretKey, tokens: known, isReady: value.isReady }
}

/** Replaces the settings as a whole: a crash leaves the old or the new ones. */
export async function writeSettings(folder: string, settings: DemoSettings): Promise<void> {
  const path = join(folder, settingsFile)
  await writeFile(`${path}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
