import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { PostgresServer } from '@outpost/lab'

const run = promisify(execFile)

/** Copies the data of a stopped server aside; `putBack` restores it as it was then, identity and timeline included. */
export async function keepCopy(server: PostgresServer): Promise<{ putBack(): Promise<void> }> {
  const copy = `${server.dataDirectory}.backup`
  await run('cp', ['-R', '-p', server.dataDirectory, copy])
  return {
    putBack: async () => {
      await server.clearData()
      await run('mv', [copy, server.dataDirectory])
    },
  }
}
