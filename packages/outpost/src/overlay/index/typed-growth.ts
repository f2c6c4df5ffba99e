/** Grows by half while small and by a sixth when large: what is not used yet is memory all the same. */
const roomier = (length: number, needed: number): number =>
  Math.max(needed, length + (length < 200_000 ? length >> 1 : Math.floor(length / 6)) + 64)

/** The same values in an array with room for `needed`. */
export function grownInt32(array: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Int32Array(roomier(array.length, needed))
  larger.set(array)
  return larger
}

export function grownUint32(array: Uint32Array<ArrayBuffer>, needed: number): Uint32Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Uint32Array(roomier(array.length, needed))
  larger.set(array)
  return larger
}

export function grownUint8(array: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Uint8Array(roomier(array.length, needed))
  larger.set(array)
  return larger
}

export function grownFloat64(array: Float64Array<ArrayBuffer>, needed: number): Float64Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Float64Array(roomier(array.length, needed))
  larger.set(array)
  return larger
}
