import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeEachPostgres } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run as checkBeforeAppend } from './check-before-append.ts'
import { run as conflicts } from './conflicts.ts'
import { run as events } from './events.ts'
import { run as executeAndTrack } from './execute-and-track.ts'
import { run as fastifyApp } from './fastify-app.ts'
import { run as idempotencyKey } from './idempotency-key.ts'
import { run as onApplied } from './on-applied.ts'
import { type Place, startPlace } from './place.ts'
import { run as readMerged } from './read-merged.ts'
import { run as recordWhileCut } from './record-while-cut.ts'
import { run as waitForMain } from './wait-for-main.ts'

describeEachPostgres('the examples', (pg) => {
  let place: Place

  beforeAll(async () => {
    place = await startPlace(pg.binaries)
  })
  afterAll(() => place?.stop())

  it('P1, P2: record-while-cut', async () => {
    expect(await recordWhileCut(place)).toEqual({
      stateWhileCut: 'buffered',
      stateAfterwards: 'replicated',
    })
  })

  it('P6: read-merged', async () => {
    expect(await readMerged(place)).toEqual({
      newest: '2026-03-01T00:00:00.000Z',
      servedBy: 'replica',
      files: 2,
      bytes: '350',
      rowState: 'buffered',
    })
  })

  it('P2, P12: wait-for-main', async () => {
    expect(await waitForMain(place)).toEqual({
      reached: ['applied', 'replicated'],
      whileCut: 'wait_timeout',
      stateWhileCut: 'buffered',
      wrote: ['insert public.observation'],
    })
  })

  it('N22: idempotency-key', async () => {
    expect(await idempotencyKey(place)).toEqual({
      isReplayed: true,
      isSameAnswer: true,
      rows: 1,
      otherRequestWithTheKey: 'idempotency_conflict',
    })
  })

  it('N22: check-before-append', async () => {
    expect(await checkBeforeAppend(place)).toEqual({
      outcomes: ['fulfilled', 'rejected'],
      isEnded: true,
    })
  })

  it('P12: events', async () => {
    expect(await events(place)).toEqual({
      steps: ['transaction 1 is buffered', 'transaction 1 is applied', 'transaction 1 is replicated'],
    })
  })

  it('P9, P12: fastify-app', async () => {
    expect(await fastifyApp(place)).toEqual({
      statuses: [201, 201],
      isSameAnswer: true,
      newest: 'Mira',
      wrong: 'unknown_column',
      knowsTransaction: 200,
      health: 200,
    })
  })

  it('P3: on-applied', async () => {
    expect(await onApplied(place)).toEqual({ whileCut: 0, isInOrder: true })
  })

  it('N24: conflicts', async () => {
    expect(await conflicts(place)).toEqual({
      merged: { status: 'accepted', priority: 1 },
      refusals: 1,
      latest: { status: 'refused', priority: 3 },
      logged: 'append_only',
      own: { status: 'draft', priority: 7 },
      recorded: ['compare_and_set', 'function', 'last_writer'],
    })
  })

  it('E1: execute-and-track', async () => {
    const { position, ...facts } = await executeAndTrack(place)
    expect(facts).toEqual({ replicated: true, foundOnReplica: true })
    expect(position).toMatch(/^\d+\/[0-9A-F]+\/[0-9A-F]+$/)
  })
})

it('every example is short enough to read', () => {
  const examples = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const lengths = examples.map((file) => [
    file,
    readFileSync(join(import.meta.dirname, file), 'utf8').split('\n').length,
  ])
  expect(lengths.filter(([, lines]) => Number(lines) > 61)).toEqual([])
})
