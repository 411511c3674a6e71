import type { ReceiveBuffer } from '../../index.ts'

const READS = ['has', 'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u16le', 'u32le', 'i64'] as const
const NO_SCAN = -1

export interface ReadCount {
  /** Bytes scanned, and calls that look at a few bytes. */
  reads: number
}

/** Counts from now on how much is read from this buffer. Unlike time this is the same on every machine. */
export function countReads(buffer: ReceiveBuffer): ReadCount {
  const count: ReadCount = { reads: 0 }
  for (const name of READS) {
    const read = buffer[name].bind(buffer) as (i: number) => unknown
    const counted = (i: number): unknown => {
      count.reads++
      return read(i)
    }
    Object.assign(buffer, { [name]: counted })
  }
  countScans(buffer, count)
  return count
}

/** `indexOf` goes on where it has been for the same byte, else it looks at everything again. */
function countScans(buffer: ReceiveBuffer, count: ReadCount): void {
  const indexOf = buffer.indexOf.bind(buffer)
  const take = buffer.take.bind(buffer)
  let scan = { byte: NO_SCAN, from: 0, end: 0 }
  buffer.indexOf = (byte, from) => {
    const isKnown = byte === scan.byte && from >= scan.from && from <= scan.end
    const begin = isKnown ? scan.end : from
    const found = indexOf(byte, from)
    const end = found >= 0 ? found : buffer.length
    count.reads += 1 + Math.max(end - begin, 0)
    if (found < 0) scan = { byte, from: isKnown ? scan.from : begin, end: Math.max(begin, end) }
    return found
  }
  buffer.take = (n) => {
    scan = { byte: NO_SCAN, from: 0, end: 0 }
    return take(n)
  }
}
