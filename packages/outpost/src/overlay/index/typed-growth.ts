/** The same values in an array with room for `needed`, growing by half so that little is wasted. */
export function grownInt32(array: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Int32Array(Math.max(needed, array.length + (array.length >> 1) + 64))
  larger.set(array)
  return larger
}

export function grownUint32(array: Uint32Array<ArrayBuffer>, needed: number): Uint32Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Uint32Array(Math.max(needed, array.length + (array.length >> 1) + 64))
  larger.set(array)
  return larger
}

export function grownUint8(array: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Uint8Array(Math.max(needed, array.length + (array.length >> 1) + 64))
  larger.set(array)
  return larger
}

export function grownFloat64(array: Float64Array<ArrayBuffer>, needed: number): Float64Array<ArrayBuffer> {
  if (needed <= array.length) return array
  const larger = new Float64Array(Math.max(needed, array.length + (array.length >> 1) + 64))
  larger.set(array)
  return larger
}
