import { describe, expect, it } from 'vitest'
import { DiskModel } from './disk-model.ts'
import { parseTrace } from './trace.ts'

const file = '/j/data.mdb'

function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

/** A trace as strace writes it; line numbers start at 1. */
function trace(...lines: readonly string[]): ReturnType<typeof parseTrace> {
  return parseTrace(lines.map((line) => `100   ${line}`).join('\n'))
}

const made = `openat(AT_FDCWD<${hex('/')}>, "${hex(file)}", O_RDWR|O_CREAT, 0664) = 20<${hex(file)}>`
const synchronous = `openat(AT_FDCWD<${hex('/')}>, "${hex(file)}", O_WRONLY|O_DSYNC|O_CLOEXEC) = 21<${hex(file)}>`
const folderSync = `fsync(9<${hex('/j')}>) = 0`
const sync = `fdatasync(20<${hex(file)}>) = 0`
const write = (text: string, offset: number, fd = 20) =>
  `pwrite64(${fd}<${hex(file)}>, "${hex(text)}", ${text.length}, ${offset}) = ${text.length}`

const oldest = () => 0
const newest = () => 0.999

describe('disk model', () => {
  it('keeps what was synced before and may lose what was not', () => {
    const disk = new DiskModel(
      trace(made, folderSync, write('aa', 0), sync, write('bb', 0), write('cc', 4096)),
      file,
    )
    expect(disk.contentsAt(7, oldest)?.toString()).toBe('aa')
    expect(disk.contentsAt(7, newest)?.subarray(0, 2).toString()).toBe('bb')
    expect(disk.contentsAt(7, newest)?.subarray(4096).toString()).toBe('cc')
  })

  it('counts a write as synced only by a sync that began after it and has returned', () => {
    const concurrent = parseTrace(
      [
        `1 ${made}`,
        `1 ${folderSync}`,
        `2 fdatasync(20<${hex(file)}> <unfinished ...>`,
        `1 ${write('aa', 0)}`,
        '2 <... fdatasync resumed>) = 0',
        `1 ${sync}`,
      ].join('\n'),
    )
    const disk = new DiskModel(concurrent, file)
    expect(disk.contentsAt(6, oldest)?.length).toBe(0)
    expect(disk.contentsAt(7, oldest)?.toString()).toBe('aa')
  })

  it('counts a write through O_DSYNC as synced when it returns', () => {
    const disk = new DiskModel(trace(made, folderSync, synchronous, write('mm', 10, 21)), file)
    expect(disk.contentsAt(4, oldest)?.length).toBe(0)
    expect(disk.contentsAt(5, oldest)?.subarray(10).toString()).toBe('mm')
  })

  it('follows lseek and writev', () => {
    const vector = `writev(20<${hex(file)}>, [{iov_base="${hex('ab')}", iov_len=2}, {iov_base="${hex('c')}", iov_len=1}], 2) = 3`
    const disk = new DiskModel(
      trace(made, folderSync, `lseek(20<${hex(file)}>, 8, SEEK_SET) = 8`, vector, sync),
      file,
    )
    expect(disk.contentsAt(6, oldest)?.subarray(8).toString()).toBe('abc')
  })

  it('loses a new file whose folder was never synced', () => {
    const disk = new DiskModel(trace(made, write('aa', 0), sync), file)
    expect(disk.contentsAt(4, newest)).toBeUndefined()
  })

  it('refuses a call that it does not understand', () => {
    expect(() => new DiskModel(trace(made, `ftruncate(20<${hex(file)}>, 4096) = 0`), file)).toThrow(
      /ftruncate/,
    )
    const cut = `pwrite64(20<${hex(file)}>, "${hex('a')}"..., 2, 0) = 2`
    expect(() => trace(made, cut)).toThrow(/cut off/)
  })
})
