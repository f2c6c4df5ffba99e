import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { useServiceStage } from './service-stage.spec-suite.ts'
import type { TestAnswer } from './two-sites.spec-suite.ts'

describeEachPostgres('lists of the service', (version) => {
  const stage = useServiceStage(version)
  const { post, put, get, start, untilOnMain } = stage
  const untilOnReplica = (unit: string, files: number) =>
    waitFor(
      async () =>
        (
          await stage.sites.cluster.standby.query(
            'SELECT FROM raw_data_file WHERE executed_obs_unit_id = $1',
            [unit],
          )
        ).length === files,
      { what: `${files} files of unit ${unit} on the replica` },
    )

  it('P6: pages through pending and replicated rows without missing or repeating one', async () => {
    const unit = await start()
    const names = Array.from({ length: 25 }, (_none, n) => `page-${String(n).padStart(2, '0')}`)
    const bulk = (some: readonly string[]) =>
      post('/raw_data_files/bulk', {
        files: some.map((name, n) => ({ executed_obs_unit_id: unit, name, size_bytes: n % 3 })),
      })
    await bulk(names.slice(0, 12))
    await untilOnMain(unit)
    stage.sites.link.cut()
    await bulk(names.slice(12))
    for (const sort of ['name', '-name', 'size_bytes', '-size_bytes', 'checksum', '-created_at']) {
      const seen: string[] = []
      let cursor: unknown = ''
      while (cursor !== null) {
        const url: string = `/raw_data_files?executed_obs_unit_id=${unit}&sort=${sort}&limit=7&count=true${cursor === '' ? '' : `&cursor=${String(cursor)}`}`
        const { body }: TestAnswer = await get(url)
        expect(body.total).toBe(25)
        seen.push(...body.items.map((item) => String(item.name)))
        cursor = body.next_cursor
      }
      expect([...seen].sort()).toEqual(names)
      if (sort === 'name') expect(seen).toEqual(names)
    }
  })

  it('P6: the total is that of the items while rows come, change and move to main', async () => {
    const unit = await start()
    let isWriting = true
    const write = async () => {
      for (let n = 0; n < 20; n++) {
        await post('/raw_data_files/bulk', {
          files: ['a', 'b'].map((name) => ({ executed_obs_unit_id: unit, name: `${name}${n}` })),
        })
        await put(`/executed_obs_units/${await start({ obs_unit_id: 2 })}/finish`)
      }
    }
    const writing = Promise.all([write(), write()]).finally(() => {
      isWriting = false
    })
    const wrong: unknown[] = []
    const read = async (url: string) => {
      while (isWriting) {
        const { body } = await get(`${url}&limit=500&count=true`)
        if (body.total !== body.items.length) wrong.push([url, body.total, body.items.length])
      }
    }
    const files = `/raw_data_files?executed_obs_unit_id=${unit}`
    const running = '/executed_obs_units?obs_unit_id=2&status=running'
    await Promise.all([writing, read(files), read(files), read(running)])
    expect(wrong).toEqual([])
  })

  it('P6: the total is told for every page, an empty one too, over pending inserts, changes and deletes', async () => {
    const unit = await start()
    const file = (name: string) => ({ executed_obs_unit_id: unit, name, size_bytes: 1 })
    const bulk = async (names: readonly string[]) =>
      (await post('/raw_data_files/bulk', { files: names.map(file) })).body.ids as readonly string[]
    const [deleted = '', changed = ''] = await bulk(['a', 'b', 'c', 'd'])
    await untilOnReplica(unit, 4)
    stage.sites.link.cut()
    await bulk(['e', 'f'])
    const write = stage.sites.observatory.site.transaction()
    write.delete('raw_data_file', { id: deleted })
    write.update('raw_data_file', { id: changed }, { size_bytes: 2 })
    await stage.sites.observatory.site.append(write)

    const list = async (more: string) =>
      (await get(`/raw_data_files?executed_obs_unit_id=${unit}&sort=-name&limit=2&count=true${more}`)).body
    const names = ({ items }: TestAnswer['body']) => items.map(({ name }) => name).join('')
    const first = await list('&size_bytes=1')
    expect([names(first), first.total]).toEqual(['fe', 4])
    expect(first.items[0]).toMatchObject({ transaction_state: 'buffered' })
    const second = await list(`&size_bytes=1&cursor=${String(first.next_cursor)}`)
    expect([names(second), second.total, second.next_cursor]).toEqual(['dc', 4, null])
    // Everything that matches stands before the cursor.
    const behind = await list(`&name.gte=e&cursor=${String(first.next_cursor)}`)
    expect(behind).toEqual({ items: [], next_cursor: null, total: 2 })
    const all = await list('&size_bytes.lte=2')
    expect([names(all), all.total]).toEqual(['fe', 5])
    expect(await list('&name=none')).toEqual({ items: [], next_cursor: null, total: 0 })
  })

  it('P6: pages over texts too long for a URL, pending or not', async () => {
    const ids = [await start({ notes: '🔭'.repeat(9_998) })]
    await untilOnMain(ids[0] ?? '')
    stage.sites.link.cut()
    for (const end of ['y', 'z']) ids.push(await start({ notes: `${'🔭'.repeat(9_998)}${end}` }))
    const seen: unknown[] = []
    let cursor: unknown = ''
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${String(cursor)}`
      const { body, status }: TestAnswer = await get(`/executed_obs_units?sort=notes&limit=1${from}`)
      expect(status).toBe(200)
      seen.push(...body.items.map((item) => item.id))
      cursor = body.next_cursor
    }
    expect(seen.filter((id) => ids.includes(String(id)))).toEqual(ids)
  })

  it('filters by every comparison', async () => {
    const unit = await start()
    await post('/raw_data_files/bulk', {
      files: [1, 2, 3, 4].map((n) => ({ executed_obs_unit_id: unit, name: `f${n}`, size_bytes: n })),
    })
    const names = async (filter: string) =>
      (await get(`/raw_data_files?executed_obs_unit_id=${unit}&sort=name&${filter}`)).body.items.map(
        (item) => item.name,
      )
    expect(await names('size_bytes.gte=3')).toEqual(['f3', 'f4'])
    expect(await names('size_bytes.lt=2')).toEqual(['f1'])
    expect(await names('size_bytes.gt=1&size_bytes.lte=3')).toEqual(['f2', 'f3'])
    expect(await names('name.in=f1,f4')).toEqual(['f1', 'f4'])
    expect(await names(`name=${encodeURIComponent("f1' OR '1'='1")}`)).toEqual([])
  })
})
