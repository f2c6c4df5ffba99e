import { createHash } from 'node:crypto'
import { ProblemError } from 'outpost/fastify'
import { rawDataFiles as files, rawDataPackages as packages } from '../resources/recorded-resources.ts'
import { serviceCodes } from '../service-codes.ts'
import { maxPackageFiles } from './bodies.ts'
import type { Checks } from './checks.ts'

/** 50 GB, the most that one tar may hold. */
export const maxPackageBytes = 50_000_000_000

/** What a package will hold: the files put into it, or, when none was, the loose files of its unit and module. */
export interface PackageContent {
  readonly fileCount: number
  readonly sizeBytes: number
  /** Files that finalizing puts into the package. */
  readonly looseFileIds: readonly string[]
  /** Changes when a file comes, goes or changes its size. */
  readonly fingerprint: string
}

interface FileRow {
  readonly id: unknown
  readonly size_bytes: unknown
  readonly raw_data_package_id: unknown
}

/** Undefined when no database answers within the budget, or the package is not known. */
export async function contentOf(checks: Checks, packageId: string): Promise<PackageContent | undefined> {
  const rows = await checks.rows(
    `SELECT f.id, f.size_bytes, f.raw_data_package_id
     FROM ${packages.table} p JOIN ${files.table} f ON f.executed_obs_unit_id = p.executed_obs_unit_id
     WHERE p.id = $1 AND (f.raw_data_package_id = p.id OR (f.raw_data_package_id IS NULL
       AND (p.instrument_module_id IS NULL OR f.instrument_module_id = p.instrument_module_id)))`,
    [packageId],
  )
  return rows === undefined ? undefined : sumUp(rows as unknown as readonly FileRow[])
}

/** Pure: the content of a package from the files of its unit that lie in it or in none. */
export function sumUp(rows: readonly FileRow[]): PackageContent {
  const own = rows.filter((row) => row.raw_data_package_id !== null)
  const content = own.length > 0 ? own : rows
  const sizes = content.map((row) => `${String(row.id)} ${String(row.size_bytes)}`).sort()
  return {
    fileCount: content.length,
    sizeBytes: content.reduce((sum, row) => sum + Number(row.size_bytes ?? 0), 0),
    looseFileIds: own.length > 0 ? [] : content.map((row) => String(row.id)),
    fingerprint: createHash('sha256').update(sizes.join('\n')).digest('hex'),
  }
}

/** Errors: `package_finalized`, `package_too_large`. */
export function assertFinalizable(
  row: Readonly<Record<string, unknown>>,
  content: PackageContent | undefined,
): void {
  if (row.finalized_at !== null && row.finalized_at !== undefined) {
    throw new ProblemError(
      serviceCodes.package_finalized,
      `The package ${String(row.id)} is finalized already.`,
    )
  }
  if (content === undefined) return
  if (content.sizeBytes > maxPackageBytes) {
    throw new ProblemError(
      serviceCodes.package_too_large,
      `The files of the package sum up to ${content.sizeBytes} bytes; at most ${maxPackageBytes} are allowed.`,
    )
  }
  if (content.fileCount > maxPackageFiles) {
    throw new ProblemError(
      serviceCodes.package_too_large,
      `The package has ${content.fileCount} files; at most ${maxPackageFiles} are allowed.`,
    )
  }
}
