import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isOutpostError } from '../errors/outpost-error.ts'
import { Random } from '../overlay/property/random.spec-suite.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import { TransactionBuilder } from '../transaction/builder.ts'
import type { Operation } from '../transaction/operation.ts'
import {
  commonSql,
  type RandomSchema,
  randomSchema,
  randomSteps,
  type Step,
} from './random-schema.spec-suite.ts'
import { PreflightStage, type Truth } from './stage.spec-suite.ts'
import { tableFacts } from './table-facts.ts'

/** The same cases in every CI run; others elsewhere, where a new finding holds up nobody. */
const seed = Number(
  process.env.OUTPOST_SEED ?? (process.env.CI ? 1_000 : Math.floor(Math.random() * 2 ** 31)),
)
const schemaCount = Number(process.env.OUTPOST_CASES ?? 30)
const judgedPerSchema = 60

/** What the pre-flight is there to catch. */
const caught: ReadonlySet<string> = new Set(['23502', '23503', '23505', '23514', '22001', '22P02'])

describeEachPostgres(`pre-flight against main, seed ${seed}`, (version) => {
  const server = useServer(version)
  const drops: (() => Promise<void>)[] = []
  let base: pg.Client
  let truth: pg.Client

  beforeAll(async () => {
    const connect = async () => {
      const database = await freshDatabase(server())
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      await client.query(`SET timezone = 'UTC'; CREATE EXTENSION IF NOT EXISTS citext; ${commonSql}`)
      drops.push(async () => {
        await client.end()
        await database.drop()
      })
      return client
    }
    base = await connect()
    truth = await connect()
  })
  afterAll(async () => {
    for (const drop of drops) await drop()
  })

  const both = async (sql: string) => {
    for (const client of [base, truth]) await client.query(sql)
  }

  it('refuses nothing that main would accept, and what main would refuse of these kinds', async () => {
    const tally = { accepted: 0, refused: 0, excused: 0, beyond: 0 }
    for (let index = 0; index < schemaCount; index++) {
      const random = new Random(seed + index)
      const schema = randomSchema(random)
      await both(
        `DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s; SET search_path = s, public; ${schema.sql}`,
      )
      const catalog = await introspect(base, { schemas: ['s', 'public'] })
      const stage = new PreflightStage(base, truth, catalog)
      await fill(stage, random, schema, catalog)
      for (let number = 0; number < judgedPerSchema; number++) {
        const steps = randomSteps(random, schema)
        const outcome = await compare(stage, catalog, steps)
        const about = `schema ${index}, transaction ${number}: ${JSON.stringify(steps)}\n${schema.sql}`
        expect(outcome.verdict, `${outcome.says}; main: ${outcome.main}\n${about}`).not.toMatch(/^wrong/)
        tally[outcome.verdict as keyof typeof tally]++
      }
      expect(stage.failures, schema.sql).toEqual([])
    }
    expect(tally.accepted).toBeGreaterThan(schemaCount)
    expect(tally.refused).toBeGreaterThan(schemaCount)
    // Of what main refuses, little may be left to it.
    expect(tally.excused).toBeLessThan(tally.refused / 4)
    if (process.env.OUTPOST_TALLY) process.stderr.write(`${JSON.stringify(tally)}\n`)
  }, 300_000)

  /** Rows that the replica has, and a backlog that main would accept. */
  async function fill(stage: PreflightStage, random: Random, schema: RandomSchema, catalog: Catalog) {
    for (let number = 0; number < 120; number++) {
      const transaction = built(catalog, randomSteps(random, schema))
      if (isOutpostError(transaction)) continue
      const { operations } = transaction.build()
      if (number < 60) await stage.settle(operations)
      else await stage.pend(operations)
    }
  }

  function built(catalog: Catalog, steps: readonly Step[]) {
    const transaction = new TransactionBuilder(catalog)
    try {
      for (const step of steps) {
        if (step.kind === 'insert') transaction.insert(step.table, step.row)
        else if (step.kind === 'update') transaction.update(step.table, step.key, step.set)
        else transaction.delete(step.table, step.key)
      }
      return transaction
    } catch (error) {
      if (isOutpostError(error)) return error
      throw error
    }
  }

  async function compare(stage: PreflightStage, catalog: Catalog, steps: readonly Step[]) {
    const transaction = built(catalog, steps)
    const judged = isOutpostError(transaction) ? transaction : await stage.judge(transaction)
    const main = await stage.truth(steps as readonly Operation[])
    const says = typeof judged === 'string' ? judged : `${judged.code} ${judged.message}`
    const facts = { says, main: `${main.sqlstate} ${main.constraint}` }
    if (main.sqlstate === undefined)
      return { ...facts, verdict: judged === 'checked' ? 'accepted' : 'wrongly refused' }
    if (typeof judged !== 'string') return { ...facts, verdict: 'refused' }
    if (!caught.has(main.sqlstate)) return { ...facts, verdict: 'beyond' }
    const isExcused =
      isPassing(steps) || isBeyond(stage, catalog, steps, main) || (await isOfOrder(stage, steps))
    return { ...facts, verdict: isExcused ? 'excused' : 'wrongly accepted' }
  }

  /** Main refuses only the order of the steps: judged is what is left in the end. */
  async function isOfOrder(stage: PreflightStage, steps: readonly Step[]): Promise<boolean> {
    for (const order of permutations(steps)) {
      const { sqlstate } = await stage.truth(order as readonly Operation[])
      if (sqlstate === undefined || sqlstate === 'OP003') return true
    }
    return false
  }

  /** A row is written more than once: judged is what is left of it. */
  function isPassing(steps: readonly Step[]): boolean {
    return steps.some(({ table }, index) => steps.findIndex((other) => other.table === table) !== index)
  }

  /** The documented limits. */
  function isBeyond(
    stage: PreflightStage,
    catalog: Catalog,
    steps: readonly Step[],
    { constraint }: Truth,
  ): boolean {
    const touched = new Set(steps.map(({ table }) => table))
    const isWritten = (name: string) => touched.has(name) || stage.overlay.pendingRows(name) > 0
    const isRemoving = (name: string) =>
      stage.overlay.hasRemovals(name) || steps.some(({ table, kind }) => table === name && kind !== 'insert')
    const tables = [...catalog.tables.values()]
    if (tables.some(({ name, hasTriggers }) => hasTriggers && isWritten(name))) return true
    const listed = tables.flatMap((table) => [...table.checks, ...table.uniqueKeys, ...table.foreignKeys])
    const isOfPartition =
      tables.some(({ kind }) => kind === 'partitioned') && !listed.some(({ name }) => name === constraint)
    if (isOfPartition && constraint?.includes('_fkey')) return steps.some(({ kind }) => kind !== 'insert')
    return tables.some((table) => {
      const facts = tableFacts(catalog, table.name)!
      const check = table.checks.find(({ name }) => name === constraint)
      const key = [...table.uniqueKeys, { name: table.primaryKeyName }].find(
        ({ name }) => name === constraint,
      )
      const reference = table.foreignKeys.find(({ name }) => name === constraint)
      const isOwn = check ?? key ?? reference
      if (
        isOwn &&
        (facts.isOpaque ||
          (!facts.isComparable && !check && (steps.length > 1 || steps[0]!.kind !== 'insert')))
      )
        return true
      if (check) return !facts.checks.some(({ name }) => name === constraint)
      if (!key && !reference) return false
      const target = reference && catalog.tables.get(reference.references)
      const involved = [facts, ...(target ? [tableFacts(catalog, target.name)!] : [])]
      if (involved.some(({ cascadesFrom }) => cascadesFrom.some(isRemoving))) return true
      // A row that was read is told from one that the transaction changes by its key's text.
      const isBlurred =
        involved.some(({ isNamed }) => !isNamed) && steps.some(({ kind }) => kind !== 'insert')
      const isUnclear = involved.some(({ isComparable, table: { name } }) => !isComparable && isWritten(name))
      if (isBlurred || isUnclear) return true
      if (key) return !facts.keys.some((own) => own.name === key.name && (own.isExact || steps.length === 1))
      const known = facts.references.find((own) => own.key.name === constraint)
      return (
        !known ||
        ((!known.isComparable || !involved.every(({ isNamed }) => isNamed)) && steps.length > 1) ||
        isTaken(known.isExact, steps)
      )
    })
  }

  /** Whether others refer to a row by a type that only PostgreSQL compares is left to main. */
  function isTaken(isExact: boolean, steps: readonly Step[]): boolean {
    return !isExact && steps.some(({ kind }) => kind !== 'insert')
  }
})

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  )
}
