import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LabMissing } from '../errors/lab-error.ts'
import { embeddedPackage, unpackEmbedded } from './embedded-binaries.ts'

export type PostgresMajor = 15 | 18

/** Where the programs of one PostgreSQL version are. */
export interface PostgresBinaries {
  readonly major: number
  readonly origin: 'embedded' | 'system' | 'PG_BIN'
  /** Folder with `postgres` and `initdb`, once {@link prepareBinaries} has run for the embedded ones. */
  readonly folder: string
}

/**
 * Finds PostgreSQL: the folder in `PG_BIN` when it has the wanted version (or none is wanted), the embedded one
 * for 18, otherwise the system's. Throws {@link LabMissing} when there is none.
 */
export function findPostgres(major?: number): PostgresBinaries {
  const given = process.env.PG_BIN
  if (given) {
    const found = atFolder(given, 'PG_BIN')
    if (major === undefined || found.major === major) return found
  }
  const embedded = embeddedPackage()
  if (embedded !== undefined && (major ?? embedded.major) === embedded.major) {
    return { major: embedded.major, origin: 'embedded', folder: join(embedded.native, 'bin') }
  }
  const system = systemFolders(major ?? 18).find((folder) => existsSync(join(folder, 'postgres')))
  if (system !== undefined) return atFolder(system, 'system')
  throw new LabMissing(
    `No PostgreSQL ${major ?? ''} was found (embedded, ${systemFolders(major ?? 18).join(', ')}, PG_BIN).`,
    `Install it, for instance with: apt-get install postgresql-${major ?? 18}`,
  )
}

/** The folder from which the server's user can run the programs; embedded ones are copied there once. */
export async function prepareBinaries(binaries: PostgresBinaries): Promise<string> {
  if (binaries.origin !== 'embedded') return binaries.folder
  return join(await unpackEmbedded(dirname(binaries.folder)), 'bin')
}

/** The major version in the output of `postgres --version`. */
export function majorOf(versionText: string): number {
  const match = /(\d+)(?:\.\d+|devel|beta\d+|rc\d+)/.exec(versionText)
  if (match === null) throw new LabMissing(`Not a PostgreSQL version: "${versionText.trim()}".`)
  return Number(match[1])
}

function atFolder(folder: string, origin: 'system' | 'PG_BIN'): PostgresBinaries {
  const program = join(folder, 'postgres')
  if (!existsSync(program) || !existsSync(join(folder, 'initdb'))) {
    throw new LabMissing(`${folder} (${origin}) has no postgres and initdb.`)
  }
  return { major: versionOf(program), origin, folder }
}

const versions = new Map<string, number>()

/** Asked once for each program, because a synchronous call stalls a link in this process. */
function versionOf(program: string): number {
  const major = versions.get(program) ?? majorOf(execFileSync(program, ['--version'], { encoding: 'utf8' }))
  versions.set(program, major)
  return major
}

function systemFolders(major: number): string[] {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
  ]
}
