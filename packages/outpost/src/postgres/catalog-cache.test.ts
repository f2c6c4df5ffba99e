import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Catalog, Column, ColumnType, Table, View } from './catalog.ts'
import { CatalogCache } from './catalog-cache.ts'
import { deserializeCatalog, serializeCatalog } from './catalog-file.ts'
import { catalogVersion } from './catalog-version.ts'
import { quoteTable } from './quote.ts'

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((s) => !s.includes('\0'))
const names = fc.array(text, { maxLength: 3 })

const { type: anyType } = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.record(
    {
      oid: fc.nat(),
      name: text,
      nameWithModifier: text,
      modifier: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
      kind: fc.constantFrom('base', 'enum', 'range', 'multirange', 'array', 'composite'),
      base: text,
      labels: names,
      element: tie('type'),
      fields: fc.array(fc.record({ name: text, type: tie('type') }), { maxLength: 2 }),
      hasExactEquality: fc.boolean(),
    },
    { requiredKeys: ['oid', 'name', 'nameWithModifier', 'modifier', 'kind', 'base', 'hasExactEquality'] },
  ) as fc.Arbitrary<ColumnType>,
}))

const anyColumn = fc.record(
  {
    name: text,
    type: anyType,
    isNullable: fc.boolean(),
    defaultSql: text,
    identity: fc.constantFrom('always', 'by_default'),
  },
  { requiredKeys: ['name', 'type', 'isNullable'] },
) as fc.Arbitrary<Column>

const anyTable: fc.Arbitrary<Table> = fc
  .record({
    schema: text,
    relation: text,
    columns: fc.array(anyColumn, { maxLength: 3 }),
    keys: names,
    flag: fc.boolean(),
  })
  .map(({ schema, relation, columns, keys, flag }) => ({
    name: quoteTable(schema, relation),
    schema,
    relation,
    kind: 'table',
    columns,
    primaryKey: keys,
    foreignKeys: [],
    uniqueKeys: keys.map((name) => ({ name, nullsNotDistinct: flag })),
    checks: [],
    indexedColumns: keys,
    hasTriggers: flag,
    hasRowSecurity: !flag,
  }))

const anyView: fc.Arbitrary<View> = fc.record({
  name: text,
  schema: text,
  relation: text,
  sql: text,
  columns: names,
  isMaterialized: fc.boolean(),
  isSecurityBarrier: fc.boolean(),
})

const anyCatalog: fc.Arbitrary<Catalog> = fc
  .record({
    searchPath: names,
    tables: fc
      .array(anyTable, { maxLength: 4 })
      .map((tables) => new Map(tables.map((table) => [table.name, table]))),
    views: fc
      .array(anyView, { maxLength: 2 })
      .map((views) => new Map(views.map((view) => [view.name, view]))),
    userFunctions: names.map((each) => new Set(each)),
  })
  .map((content) => ({
    version: catalogVersion(content),
    readAtMs: 1_700_000_000_000,
    serverVersion: 180_004,
    ...content,
  }))

const emptyContent = {
  searchPath: ['public'],
  tables: new Map(),
  views: new Map(),
  userFunctions: new Set<string>(),
}
const small = (readAtMs: number): Catalog => ({
  version: catalogVersion(emptyContent),
  readAtMs,
  serverVersion: 150_000,
  ...emptyContent,
})

describe('the catalog as text', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyCatalog, (catalog) => {
        expect(deserializeCatalog(serializeCatalog(catalog))).toEqual(catalog)
      }),
    )
  })

  it('has a version that depends on content, not on order', () => {
    fc.assert(
      fc.property(anyCatalog, (catalog) => {
        const reversed = { ...catalog, tables: new Map([...catalog.tables].reverse()) }
        expect(catalogVersion(reversed)).toBe(catalog.version)
        const fewer = { ...catalog, searchPath: [...catalog.searchPath, 'one more'] }
        expect(catalogVersion(fewer)).not.toBe(catalog.version)
      }),
    )
  })

  it('is refused when anything in it was changed', () => {
    fc.assert(
      fc.property(anyCatalog, fc.nat(), (catalog, at) => {
        const serialized = serializeCatalog(catalog)
        const place = at % serialized.length
        const damaged = serialized.slice(0, place) + serialized.slice(place + 1)
        // What does not count towards the digest (when it was read, by which server) may differ, nothing else.
        let read: Catalog
        try {
          read = deserializeCatalog(damaged)
        } catch {
          return
        }
        expect({ ...read, readAtMs: 0, serverVersion: 0 }).toEqual({
          ...catalog,
          readAtMs: 0,
          serverVersion: 0,
        })
      }),
    )
  })
})

describe('CatalogCache', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-catalog-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('P2: gives back what an earlier life of the site wrote', async () => {
    const path = join(folder, 'not', 'yet', 'there', 'catalog.json')
    expect(await new CatalogCache(path).read()).toEqual({ kind: 'absent' })
    await new CatalogCache(path).write(small(1))
    expect(await new CatalogCache(path).read()).toEqual({ kind: 'found', catalog: small(1) })
  })

  it('keeps the last of many concurrent writes and no temporary file', async () => {
    const cache = new CatalogCache(join(folder, 'catalog.json'))
    await Promise.all(Array.from({ length: 20 }, (_, n) => cache.write(small(n))))
    expect(await cache.read()).toEqual({ kind: 'found', catalog: small(19) })
    expect(await readdir(folder)).toEqual(['catalog.json'])
  })

  it.each([
    ['empty', () => '', 'not JSON'],
    ['torn', (full: string) => full.slice(0, 50), 'not JSON'],
    ['of another format', (full: string) => full.replace('"format":1', '"format":2'), 'format 2'],
    ['altered', (full: string) => full.replace('"public"', '"private"'), 'digest'],
    ['a list', () => '[]', 'format undefined'],
    ['null', () => 'null', 'not a JSON object'],
    ['incomplete', () => '{"format":1}', 'missing'],
    [
      'with a table that is none',
      (full: string) => full.replace('"tables":[]', '"tables":[null]'),
      'cannot be used',
    ],
  ])('treats a file that is %s as absent, with the reason', async (_what, damage, reason) => {
    const path = join(folder, 'catalog.json')
    await writeFile(path, damage(serializeCatalog(small(1))))
    expect(await new CatalogCache(path).read()).toEqual({
      kind: 'unusable',
      reason: expect.stringContaining(reason),
    })
  })

  it('leaves the old file when the new one cannot be written', async () => {
    const path = join(folder, 'catalog.json')
    const cache = new CatalogCache(path)
    await cache.write(small(1))
    const before = await readFile(path, 'utf8')
    const unwritable = { ...small(2), searchPath: [1n as unknown as string] }
    await expect(cache.write(unwritable)).rejects.toThrow(/BigInt/)
    expect(await readFile(path, 'utf8')).toBe(before)
    await cache.write(small(3))
    expect(await cache.read()).toMatchObject({ catalog: { readAtMs: 3 } })
  })
})
