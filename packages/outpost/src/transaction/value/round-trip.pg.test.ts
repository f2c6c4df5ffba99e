import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Catalog, ColumnType } from '../../postgres/catalog.ts'
import { introspect } from '../../postgres/introspect.ts'
import { encodeValue } from './encode.ts'
import { type ValueCase, valueCaseSetup, valueCases } from './value-cases.spec-suite.ts'
import { ValueProblem } from './value-problem.ts'

/** Inserts each text on its own and answers what the output function prints, or the SQLSTATE. */
const probeFunction = `
  CREATE FUNCTION probe(target text, item text) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE stored text;
  BEGIN
    EXECUTE format('INSERT INTO %s(c) VALUES (%L) RETURNING format(''%%s'', c)', target, item) INTO stored;
    RETURN 'stored ' || stored;
  EXCEPTION WHEN others THEN RETURN 'refused ' || SQLSTATE;
  END $$`

const runs = Number(process.env.OUTPOST_PROPERTY_RUNS ?? 4)
const valuesPerRun = 150

function encode(value: unknown, type: ColumnType): string | undefined {
  try {
    return encodeValue(value, type)
  } catch (error) {
    if (error instanceof ValueProblem) return undefined
    throw error
  }
}

describeEachPostgres('values at the edge', (pg) => {
  const server = useServer(pg)
  let client: Client
  let catalog: Catalog
  const tableOf = (index: number): string => `v${index}`

  beforeAll(async () => {
    const database = await freshDatabase(server())
    client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query(`SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'`)
    await client.query(`${valueCaseSetup}; ${probeFunction}`)
    for (const [index, { sql }] of valueCases.entries()) {
      await client.query(
        `CREATE TABLE ${tableOf(index)} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c ${sql})`,
      )
    }
    catalog = await introspect(client)
  })
  afterAll(async () => client.end())

  const typeOf = (index: number): ColumnType =>
    catalog.tables.get(`public.${tableOf(index)}`)!.columns.find((column) => column.name === 'c')!.type

  async function probe(index: number, texts: readonly string[]): Promise<readonly string[]> {
    const { rows } = await client.query<{ answer: string }>(
      'SELECT probe($1, item) AS answer FROM unnest($2::text[]) WITH ORDINALITY AS t(item, n) ORDER BY n',
      [tableOf(index), texts],
    )
    return rows.map((row) => row.answer)
  }

  const batch = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.array(arbitrary, { minLength: valuesPerRun, maxLength: valuesPerRun, size: 'max' })

  it.each(valueCases.map((entry, index) => [entry.sql, index, entry] as const))(
    'P6: %s comes back as the edge wrote it',
    async (_, index, { values }: ValueCase) => {
      const type = typeOf(index)
      await fc.assert(
        fc.asyncProperty(batch(values), async (inputs) => {
          const texts = inputs.map((input) => encodeValue(input, type))
          const answers = await probe(index, texts)
          const differing = texts.filter((text, at) => answers[at] !== `stored ${text}`)
          expect(differing.slice(0, 3)).toEqual([])
        }),
        { numRuns: runs, endOnFailure: true },
      )
    },
  )

  it.each(valueCases.map((entry, index) => [entry.sql, index, entry] as const))(
    'P9: %s takes at the edge what PostgreSQL takes, alike, and nothing else',
    async (_, index, { strings, stricter }: ValueCase) => {
      const type = typeOf(index)
      await fc.assert(
        fc.asyncProperty(batch(strings), async (inputs) => {
          const answers = await probe(index, inputs)
          const differing = inputs.flatMap((input, at) => {
            const text = encode(input, type)
            const answer = answers[at]!
            const isAlike =
              text === undefined
                ? answer.startsWith('refused') || stricter?.test(input) === true
                : answer === `stored ${text}`
            return isAlike ? [] : [{ input, text, answer }]
          })
          expect(differing.slice(0, 3)).toEqual([])
        }),
        { numRuns: runs, endOnFailure: true },
      )
    },
  )
})
