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
