import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigurationSources } from '@outpost/ops-db-api/setup'
import { OutpostError } from 'outpost'
import { parse } from 'yaml'
import type { CommandContext } from '../command/context.ts'

/** The settings that a command finds: its environment, then `.env`, then `outpost.yaml` in the working directory. */
export async function configurationSources({
  cwd,
  env,
}: Pick<CommandContext, 'env' | 'cwd'>): Promise<ConfigurationSources> {
  const folder = cwd()
  const dotenv = await readIfPresent(join(folder, '.env'))
  const yaml = await readIfPresent(join(folder, 'outpost.yaml'))
  return {
    env,
    ...(dotenv === undefined ? {} : { dotenv }),
    ...(yaml === undefined ? {} : { yaml: parseYaml(yaml) }),
  }
}

function parseYaml(text: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    // The parser quotes the line, which may hold a password: only its place is told.
    const at = cause instanceof Error ? /at line \d+, column \d+/.exec(cause.message)?.[0] : undefined
    throw new OutpostError('config_invalid', `outpost.yaml is not valid YAML${at ? ` (${at})` : ''}.`)
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new OutpostError('config_invalid', `${path} cannot be read (${code}).`, { cause: error })
  }
}
