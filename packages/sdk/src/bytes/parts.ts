/** Of a large message that is not whole yet. */
export const PART_BYTES: number = 64 * 1024
/** Kept when none are in use; of those in use a quarter more. */
const FEW = 16

const spare: Buffer[] = []
const spareWindows: Buffer[] = []
let used = 0

/**
 * A part to be filled; what is in it means nothing. What can be resized does not come from the allocator but from the kernel:
 * pages that nothing was written to take no memory, and all of it goes back, where an allocator would keep it for the next
 * flood.
 */
export function newPart(): Buffer {
  used++
  return spare.pop() ?? Buffer.from(new ArrayBuffer(PART_BYTES, { maxByteLength: PART_BYTES }), 0, PART_BYTES)
}

/**
 * Of whoever has it alone. Some are kept for the next: each new one brings V8 nearer to a look at its whole heap. The others
 * are freed now, for the garbage collector would leave them for long.
 */
export function freePart(part: Buffer): void {
  used--
  if (spare.length <= used / 4 + FEW) spare.push(part)
  else (part.buffer as ArrayBuffer).transferToFixedLength(0)
}

/** As large as a part. Views of it may be given out: what cannot be resized is read faster, and by every API. */
export function newWindow(): Buffer {
  return spareWindows.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES)
}

/** Of whoever has it alone. The others are left to the garbage collector. */
export function keepWindow(window: Buffer): void {
  if (spareWindows.length < FEW) spareWindows.push(window)
}
