import { freeBytesOf } from './free-space.ts'

/** How LMDB is opened. Only tests deviate from {@link productSettings}: no product option leads here. */
export interface EnvironmentSettings {
  readonly mapSize: number
  /** False leaves out every sync, so that a checker can be shown to notice. */
  readonly isSynced: boolean
  readonly freeBytes: (folder: string) => number
}

/** Address space, not memory or disk: LMDB's map may grow up to it. */
export const productSettings: EnvironmentSettings = {
  mapSize: 2 ** 40,
  isSynced: true,
  freeBytes: freeBytesOf,
}
