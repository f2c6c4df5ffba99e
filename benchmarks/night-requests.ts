import { randomUUID } from 'node:crypto'
import type { PlannedRequest } from './open-loop.ts'
import type { Stage } from './stage.ts'

/** Of ten requests one starts a unit, one finishes a unit and eight register files, as a busy night does. */
const cycle = 10

/** Makes the requests of an observing night, each with its own Idempotency-Key, for as long as one asks. */
export class NightRequests {
  readonly #stage: Stage
  readonly #running: string[] = []
  #number = 0
  #unit: string | undefined

  constructor(stage: Stage) {
    this.#stage = stage
  }

  next(): PlannedRequest {
    const place = this.#number++ % cycle
    const unit = this.#unit
    if (unit === undefined || place === 0) return this.#start()
    // A unit is finished some time after the files that belong to it were sent.
    if (place === cycle - 1 && this.#running.length > 5) return this.#finish(this.#running.shift()!)
    return this.#file(unit)
  }

  #start(): PlannedRequest {
    return this.#write('POST', '/executed_obs_units/start', 201, this.#startBody(), (id) => {
      this.#unit = id
      this.#running.push(id)
    })
  }

  #startBody() {
    return {
      obs_unit_id: this.#stage.obsUnitId,
      mean_elevation: 55.2,
      pwv_mm: 0.61,
      notes: 'pong, wind 4 m/s',
    }
  }

  #file(unit: string): PlannedRequest {
    const { moduleIds } = this.#stage
    const number = this.#number
    return this.#write('POST', '/raw_data_files', 201, {
      executed_obs_unit_id: unit,
      name: `chunk_${String(number).padStart(9, '0')}.fits`,
      instrument_module_id: moduleIds[number % moduleIds.length],
      relative_path: `2026/04/15/${unit}/chunk_${number}.fits`,
      size_bytes: 250_000_000 + number,
      checksum: `sha256:${'0123456789abcdef'.repeat(4)}`,
      file_type: 'fits',
    })
  }

  #finish(unit: string): PlannedRequest {
    return this.#write('PUT', `/executed_obs_units/${unit}/finish`, 200, { status: 'completed' })
  }

  #write(
    method: string,
    path: string,
    status: number,
    body: unknown,
    onId?: (id: string) => void,
  ): PlannedRequest {
    return {
      method,
      path,
      status,
      body: JSON.stringify(body),
      headers: { 'Idempotency-Key': randomUUID() },
      ...(onId && { onAnswer: (answer) => onId((JSON.parse(answer.body) as { id: string }).id) }),
    }
  }
}
