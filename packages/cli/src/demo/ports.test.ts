import { describe, expect, it } from 'vitest'
import { choosePorts, portsFrom } from './ports.ts'

const allBut = (taken: readonly number[]) => (port: number) => Promise.resolve(!taken.includes(port))

describe('choosePorts', () => {
  it('takes the base that was asked for', async () => {
    expect(await choosePorts(9_000, allBut([]))).toEqual({
      mainSite: 9_000,
      observatorySite: 9_001,
      linkControl: 9_002,
      link: 9_003,
      mainDatabase: 9_004,
      replicaDatabase: 9_005,
    })
  })

  it('names the taken port and what it was for', async () => {
    await expect(choosePorts(9_000, allBut([9_004]))).rejects.toMatchObject({
      code: 'port_in_use',
      message: 'Port 9004 (main database) is already in use.',
      exitCode: 2,
    })
  })

  it('goes to the next block when nobody asked for a base', async () => {
    expect(await choosePorts(undefined, allBut([8_000, 8_011]))).toEqual(portsFrom(8_020))
  })

  it('P11: gives up with a named port when every block is taken', async () => {
    await expect(choosePorts(undefined, () => Promise.resolve(false))).rejects.toMatchObject({
      code: 'port_in_use',
    })
  })

  it.each([0, -1, 1.5, Number.NaN, 65_531])('P9: refuses the base %s', (base) => {
    expect(() => portsFrom(base)).toThrow(/--port must be a whole number from 1 to 65530/)
  })
})
