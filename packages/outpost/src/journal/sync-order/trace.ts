/**
 * Reads what `strace -f -y -xx` wrote: which bytes a process handed to the kernel, and which syncs it waited for,
 * in the order in which the calls returned. kill -9 leaves the kernel's cache alive and proves nothing about power
 * loss; this order does.
 */
export const tracedCalls = [
  'openat',
  'close',
  'lseek',
  'write',
  'writev',
  'pwrite64',
  'pwritev',
  'pwritev2',
  'sendto',
  'sendmsg',
  'fsync',
  'fdatasync',
  'msync',
  'ftruncate',
  'fallocate',
]

export type TraceEvent =
  | {
      readonly kind: 'open'
      readonly path: string
      readonly flags: string
      readonly startedAt: number
      readonly endedAt: number
    }
  | {
      readonly kind: 'write'
      /** As strace -y names the descriptor: a path, or `socket:[…]`, `pipe:[…]`. */
      readonly path: string
      readonly fd: number
      /** Where in the file; -1 for a write that depends on a position that was never seen (a stream). */
      readonly offset: number
      readonly data: Buffer
      /** The descriptor was opened with O_DSYNC or O_SYNC: durable when the call returned. */
      readonly isSynchronous: boolean
      readonly startedAt: number
      readonly endedAt: number
    }
  /** A call that changes a file in a way that no model here follows. */
  | { readonly kind: 'other'; readonly path: string; readonly name: string }
  | { readonly kind: 'sync'; readonly path: string; readonly startedAt: number; readonly endedAt: number }

interface Call {
  readonly name: string
  readonly args: string
  readonly result: number
  readonly startedAt: number
  readonly endedAt: number
}

/** Throws when strace cut off what was written to a file, rather than proving too much. */
export function parseTrace(text: string): readonly TraceEvent[] {
  const descriptors = new Map<number, { isSynchronous: boolean; position: number }>()
  return [...calls(text)].flatMap((call) => eventOf(call, descriptors))
}

function* calls(text: string): Generator<Call> {
  const unfinished = new Map<string, { readonly head: string; readonly startedAt: number }>()
  let line = 0
  for (const row of text.split('\n')) {
    line += 1
    const start = /^(\d+)\s+/.exec(row)
    if (start === null) continue
    const pid = start[1]!
    const rest = row.slice(start[0].length)
    if (rest.endsWith(' <unfinished ...>')) {
      unfinished.set(pid, { head: rest.slice(0, -' <unfinished ...>'.length), startedAt: line })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)
    const before = resumed === null ? undefined : unfinished.get(pid)
    if (resumed !== null && before === undefined) continue
    unfinished.delete(pid)
    const whole = before === undefined ? rest : before.head + rest.slice(resumed![0].length)
    const call = parseCall(whole, before?.startedAt ?? line, line)
    if (call !== undefined) yield call
  }
}

function parseCall(text: string, startedAt: number, endedAt: number): Call | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(') = ')
  if (open === -1 || close === -1) return undefined
  const result = Number.parseInt(text.slice(close + 4).trim(), 10)
  if (!(result >= 0)) return undefined
  return { name: text.slice(0, open), args: text.slice(open + 1, close), result, startedAt, endedAt }
}

type Descriptors = Map<number, { isSynchronous: boolean; position: number }>

function eventOf(call: Call, descriptors: Descriptors): TraceEvent[] {
  const { startedAt, endedAt } = call
  if (call.name === 'openat') return [opened(call, descriptors)]
  const { fd, path } = descriptorOf(call.args)
  switch (call.name) {
    case 'close':
      descriptors.delete(fd)
      return []
    case 'lseek':
      setPosition(descriptors, fd, call.result)
      return []
    case 'fsync':
    case 'fdatasync':
      return [{ kind: 'sync', path, startedAt, endedAt }]
    case 'write':
    case 'writev':
    case 'sendto':
    case 'sendmsg':
      return [written(call, descriptors, positionOf(descriptors, fd))]
    case 'pwrite64':
    case 'pwritev':
      return [written(call, descriptors, Number(/, (\d+)$/.exec(call.args)![1]))]
    default:
      return [{ kind: 'other', path, name: call.name }]
  }
}

function opened(call: Call, descriptors: Descriptors): TraceEvent {
  const path = decode(/"((?:\\x[0-9a-f]{2})*)"/.exec(call.args)![1]!).toString()
  const flags = /"(?:\\x[0-9a-f]{2})*", ([A-Z_|]+)/.exec(call.args)?.[1] ?? ''
  descriptors.set(call.result, { isSynchronous: /O_D?SYNC/.test(flags), position: 0 })
  return { kind: 'open', path, flags, startedAt: call.startedAt, endedAt: call.endedAt }
}

function written(call: Call, descriptors: Descriptors, offset: number): TraceEvent {
  const { fd, path } = descriptorOf(call.args)
  const data = Buffer.concat(stringsIn(call.args, path)).subarray(0, call.result)
  if (data.length !== call.result)
    throw new Error(`The trace shows ${data.length} of ${call.result} bytes written`)
  if (call.name === 'write' || call.name === 'writev') setPosition(descriptors, fd, offset + call.result)
  const isSynchronous = descriptors.get(fd)?.isSynchronous ?? false
  return {
    kind: 'write',
    path,
    fd,
    offset,
    data,
    isSynchronous,
    startedAt: call.startedAt,
    endedAt: call.endedAt,
  }
}

function setPosition(descriptors: Descriptors, fd: number, position: number): void {
  const known = descriptors.get(fd)
  if (known !== undefined) known.position = position
}

function positionOf(descriptors: Descriptors, fd: number): number {
  return descriptors.get(fd)?.position ?? -1
}

/** `20<\x2f…>, …` */
function descriptorOf(args: string): { readonly fd: number; readonly path: string } {
  const match = /^(\d+)(?:<([^>]*)>)?/.exec(args)
  return { fd: Number(match?.[1] ?? -1), path: decode(match?.[2] ?? '').toString() }
}

function stringsIn(args: string, path: string): Buffer[] {
  const found: Buffer[] = []
  for (const match of args.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)) {
    if (match[2] !== undefined && path.startsWith('/'))
      throw new Error(`strace cut off what was written to ${path}`)
    found.push(decode(match[1]!))
  }
  return found
}

/** strace -xx writes every byte as \xNN; names of sockets and pipes stay as they are. */
function decode(text: string): Buffer {
  if (!text.startsWith('\\x')) return Buffer.from(text)
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}
