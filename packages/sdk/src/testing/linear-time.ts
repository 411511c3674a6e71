import { AssertionError } from 'node:assert'
import type { CodecDefinition } from '../codec.ts'
import { readerOf, type Sample } from './sample.ts'

/** Linear is 8, quadratic 64. */
const MAX_GROWTH = 16

/**
 * Eight times the bytes, one at a time, cost about eight times the CPU. Rule D12 counts reads instead; this also finds
 * a cost that is no read.
 */
export function assertDecodesInLinearTime(
  definition: CodecDefinition,
  sampleOf: (bytes: number) => Sample,
  bytes = 32 * 1024,
): void {
  const small = sampleOf(bytes)
  const large = sampleOf(8 * bytes)
  dripMs(definition, small)
  let ratio = Number.POSITIVE_INFINITY
  // other work on the machine can spoil one measurement, and hardly three
  for (let n = 0; n < 3 && ratio >= MAX_GROWTH; n++) {
    const fewMs = Math.min(dripMs(definition, small), dripMs(definition, small))
    const growth = dripMs(definition, large) / Math.max(fewMs, 1)
    ratio = Math.min(ratio, (growth * 8 * small.bytes.length) / large.bytes.length)
  }
  if (ratio < MAX_GROWTH) return
  const message = `${definition.name}: eight times the bytes, one at a time, cost ${ratio.toFixed(1)} times the CPU`
  throw new AssertionError({ message })
}

/** CPU milliseconds to decode a sample that comes byte by byte. */
function dripMs(definition: CodecDefinition, sample: Sample): number {
  const reader = readerOf(definition, sample)
  const before = process.cpuUsage()
  let messages = 0
  for (const byte of sample.bytes) messages += reader.push(Buffer.of(byte)).length
  const { user, system } = process.cpuUsage(before)
  if (messages !== (sample.messages ?? 1)) throw new AssertionError({ message: `${messages} messages came out` })
  return (user + system) / 1000
}
