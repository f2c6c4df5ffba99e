import { openSite, type Site } from 'outpost/site'
import type { Filled, FillJob } from './backlog.ts'

const writers = 256
const transactionsPerUnit = 1_000
const progressEvery = 100_000

// Without the benchmark that asked for it, filling on would only fill the disk.
process.once('disconnect', () => process.exit())

const job = JSON.parse(process.argv[2] ?? '') as FillJob
const database = { user: 'postgres', database: job.database }
const site = await openSite({
  name: job.site,
  type: 'secondary',
  main: { ...job.main, ...database },
  local: { ...job.replica, ...database },
  journalPath: job.journalPath,
  secretKey: 'the secret of the benchmark',
})
const unitIds = await startUnits(site)
let made = 0
await Promise.all(Array.from({ length: writers }, () => write(site)))
await site.stop()
const filled: Filled = { kind: 'filled', transactions: job.transactions + unitIds.length, unitIds }
process.send?.(filled, () => process.disconnect())

async function startUnits(at: Site): Promise<readonly string[]> {
  const count = Math.max(1, Math.ceil(job.transactions / transactionsPerUnit))
  const ids: string[] = []
  for (let number = 0; number < count; number += 1) {
    const transaction = at.transaction()
    const unit = transaction.insert('executed_obs_unit', { obs_unit_id: job.obsUnitId, mean_elevation: 55.2 })
    await at.append(transaction)
    ids.push(unit.get('id') as string)
  }
  return ids
}

async function write(at: Site): Promise<void> {
  while (made < job.transactions) {
    const number = made++
    const transaction = at.transaction()
    for (let part = 0; part < job.filesPerTransaction; part += 1) {
      const file = number * job.filesPerTransaction + part
      transaction.insert('raw_data_file', {
        executed_obs_unit_id: unitIds[Math.floor(number / transactionsPerUnit)],
        instrument_module_id: job.moduleIds[file % job.moduleIds.length],
        name: `chunk_${String(file).padStart(9, '0')}.fits`,
        relative_path: `2026/04/15/chunk_${file}.fits`,
        size_bytes: 250_000_000 + file,
        checksum: `sha256:${'0123456789abcdef'.repeat(4)}`,
        file_type: 'fits',
      })
    }
    await at.append(transaction)
    if (number % progressEvery === progressEvery - 1)
      process.send?.(`${number + 1} of ${job.transactions} appended`)
  }
}
