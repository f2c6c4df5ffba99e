import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ChangingSchema } from './schema-change.spec-suite.ts'

describeEachPostgres('a main whose ledger is of another version', (pg) => {
  let world: ChangingSchema

  beforeEach(async () => {
    world = await ChangingSchema.start(pg)
    await (await world.insert('note', { id: 1, text: 'note 1' })).replicated()
    world.link.cut()
  })
  afterEach(async () => await world.stop())

  const setMajor = async (major: number) =>
    await world.onMain(
      `CREATE OR REPLACE FUNCTION outpost.ledger_major() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT ${major}'`,
    )
  const hello = 'outpost.hello(text, uuid, uuid[], uuid)'
  const problem = async () =>
    (await world.site.health()).problems.find(({ code }) => code === 'ledger_version')

  it.each([
    { what: 'a newer one', major: 2, change: '', hint: 'Install the newer version' },
    { what: 'an older one', major: 0, change: '', hint: 'outpost migrate' },
    {
      what: 'a newer one that greets in another way',
      major: 2,
      change: `ALTER FUNCTION ${hello} RENAME TO hello_other`,
      hint: 'Install the newer version',
    },
  ])(
    'P2: of another major version the site applies nothing, says so and records on: $what',
    async (given) => {
      await setMajor(given.major)
      if (given.change !== '') await world.onMain(given.change)
      const before = await world.onMain('SELECT term, hello_at FROM outpost.site')
      world.link.restore()
      await waitFor(async () => (await problem()) !== undefined, { what: 'health telling it' })
      expect(await problem()).toMatchObject({
        message: expect.stringContaining(`major version ${given.major}`) as string,
        hint: expect.stringContaining(given.hint) as string,
      })
      const receipt = await world.insert('note', { id: 2, text: 'note 2' })
      expect((await world.site.read('SELECT id FROM note ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 2 }])
      expect(await world.onMain('SELECT id FROM note')).toEqual([{ id: 1 }])
      expect(await world.onMain('SELECT term, hello_at FROM outpost.site')).toEqual(before)
      if (given.change !== '') await world.onMain('ALTER FUNCTION outpost.hello_other RENAME TO hello')
      await setMajor(1)
      await world.site.resumeApplying()
      await receipt.replicated()
      await waitFor(async () => (await problem()) === undefined, { what: 'health forgetting it' })
    },
  )

  it('P2: within one major version a newer ledger, with more than the site knows, is no matter', async () => {
    const receipt = await world.insert('note', { id: 2, text: 'note 2' })
    await world.onMain(`
      INSERT INTO outpost.migration (namespace, number, name, checksum) VALUES ('outpost', 999, 'later', 'x');
      ALTER TABLE outpost.ledger ADD COLUMN later text NOT NULL DEFAULT 'x';
      ALTER TABLE outpost.site ADD COLUMN later text`)
    world.link.restore()
    await receipt.replicated()
    expect(await problem()).toBeUndefined()
  })
})
