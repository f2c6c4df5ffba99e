import { OutpostError } from 'outpost'

/** What listens where, as offsets from the base port. Documented in docs/reference/cli.md. */
export const portOffsets = {
  mainSite: 0,
  observatorySite: 1,
  linkControl: 2,
  link: 3,
  mainDatabase: 4,
  replicaDatabase: 5,
} as const

type PortName = keyof typeof portOffsets
export type DemoPorts = Readonly<Record<PortName, number>>

/** Base port unless `--port` names one. */
export const defaultBasePort = 8000
/** Without `--port`, how many blocks of ports are looked at, and how far they stand apart. */
const blocks = 20
const blockDistance = 10
const highestPort = 65_535

/** The ports that follow from a base. Error: `usage_invalid` when one would not be a port. */
export function portsFrom(base: number): DemoPorts {
  const last = Math.max(...Object.values(portOffsets))
  if (!Number.isInteger(base) || base < 1 || base + last > highestPort) {
    throw new OutpostError('usage_invalid', `--port must be a whole number from 1 to ${highestPort - last}.`)
  }
  const entries = Object.entries(portOffsets).map(([name, offset]) => [name, base + offset])
  return Object.fromEntries(entries) as DemoPorts
}

/**
 * Ports that are free now. A base that was asked for is taken or refused (`port_in_use` names the port); without
 * one the first wholly free block is taken, so that a second demo does not fail on the first one's ports.
 */
export async function choosePorts(
  base: number | undefined,
  isFree: (port: number) => Promise<boolean>,
): Promise<DemoPorts> {
  const candidates =
    base === undefined
      ? Array.from({ length: blocks }, (_, block) => portsFrom(defaultBasePort + block * blockDistance))
      : [portsFrom(base)]
  let taken: { readonly name: string; readonly port: number } | undefined
  for (const ports of candidates) {
    taken = await findTaken(ports, isFree)
    if (!taken) return ports
  }
  const among =
    base === undefined
      ? ` Each of the ${blocks} blocks of ports from ${defaultBasePort} on has one that is taken.`
      : ''
  throw new OutpostError('port_in_use', `Port ${taken?.port} (${taken?.name}) is already in use.${among}`, {
    details: { port: taken?.port },
  })
}

const portPurpose: Readonly<Record<PortName, string>> = {
  mainSite: "main site's API",
  observatorySite: "observatory's API",
  linkControl: 'control of the link',
  link: 'link',
  mainDatabase: 'main database',
  replicaDatabase: 'replica',
}

async function findTaken(ports: DemoPorts, isFree: (port: number) => Promise<boolean>) {
  for (const [name, port] of Object.entries(ports) as [PortName, number][]) {
    if (!(await isFree(port))) return { name: portPurpose[name], port }
  }
  return undefined
}
