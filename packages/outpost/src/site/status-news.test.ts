import { describe, expect, it, vi } from 'vitest'
import type { ApplierAlarm } from '../applier/applier-options.ts'
import { systemClock } from '../clock/clock.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'
import { SiteEvents } from './site-events.ts'
import { StateWaiters } from './state-waiters.ts'
import { StatusNews } from './status-news.ts'

type GetMany = (seqs: readonly number[]) => Promise<readonly TransactionRecord[]>

function newsOf(getMany: GetMany) {
  const events = new SiteEvents()
  const told: string[] = []
  const alarms: ApplierAlarm[] = []
  events.on((event) => {
    if (event.kind === 'transaction') told.push(`${event.seq} ${event.state}`)
  })
  const waiters = new StateWaiters(() => ({ state: 'buffered' }))
  const onAlarm = (alarm: ApplierAlarm) => alarms.push(alarm)
  const news = new StatusNews({ journal: { getMany }, clock: systemClock, events, waiters, onAlarm })
  return { news, told, alarms }
}

const recordsOf: GetMany = async (seqs) => seqs.map((seq) => ({ id: String(seq), seq }) as TransactionRecord)
const applied = (seq: number) => [{ from: seq, to: seq, status: { state: 'applied' } }] as const

describe('the news of what became of transactions', () => {
  it('P11: says by an alarm what it cannot tell, and goes on', async () => {
    const { news, told, alarms } = newsOf(async (seqs) => {
      if (seqs.includes(1)) throw new Error('Redis is away')
      return await recordsOf(seqs)
    })
    news.changed(applied(1))
    news.changed(applied(2))
    await vi.waitFor(() => expect(told).toEqual(['2 applied']))
    expect(alarms.map(({ code }) => code)).toEqual(['journal'])
  })

  it('is told in order, however long the journal takes, and ends before the journal is closed', async () => {
    const waits = [20, 0]
    let isClosed = false
    const { news, told, alarms } = newsOf(async (seqs) => {
      await new Promise((resolve) => setTimeout(resolve, waits.shift()))
      if (isClosed) throw new Error('closed')
      return await recordsOf(seqs)
    })
    news.changed(applied(1))
    news.changed(applied(2))
    await vi.waitFor(() => expect(told).toHaveLength(2))
    await news.stop()
    isClosed = true
    news.changed(applied(3))
    await news.stop()
    expect([told, alarms]).toEqual([['1 applied', '2 applied'], []])
  })
})
