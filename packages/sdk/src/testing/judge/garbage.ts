/** Bytes that nobody should have sent: right ones that were damaged, and random ones. */

import type { Side } from '../../codec.ts'
import type { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import { opposite } from './subject.ts'

const RANDOM_BYTES = 64
/** Of this many bytes every value is tried: types, flags and versions lie at the beginning. */
const HEAD_BYTES = 32
/** Of longer samples only the beginning is damaged. */
const MAX_BYTES = 16 * 1024

/** So many inputs; from samples with options these stay, and now and then bytes come from the wrong side. */
export function* garbage(samples: readonly Sample[], random: Random, count: number): Generator<Sample> {
  for (let n = 0; n < count && samples.length > 0; n++) {
    const origin = samples[random.below(samples.length)] as Sample
    const bytes = random.below(3) === 0 ? random.bytes(1 + random.below(RANDOM_BYTES)) : damaged(origin.bytes, random)
    yield damagedSample(origin, bytes, random.below(8) === 0 ? opposite(origin.side) : origin.side)
  }
}

/** Of the first sample of each side every byte of the head with every value. */
export function* headGarbage(samples: readonly Sample[]): Generator<Sample> {
  for (const side of ['downstream', 'upstream'] as const) {
    const sample = samples.find((one) => one.side === side)
    if (sample !== undefined) yield* everyByte(sample)
  }
}

function* everyByte(sample: Sample): Generator<Sample> {
  for (let at = 0; at < Math.min(sample.bytes.length, HEAD_BYTES); at++) {
    for (let value = 0; value < 256; value++) {
      const copy = Buffer.from(sample.bytes.subarray(0, MAX_BYTES))
      copy[at] = value
      yield damagedSample(sample, copy, sample.side)
    }
  }
}

function damagedSample({ name, config }: Sample, bytes: Buffer, side: Side): Sample {
  return { name: `${name}, damaged`, side, bytes, config }
}

function damaged(sample: Buffer, random: Random): Buffer {
  const bytes = sample.subarray(0, MAX_BYTES)
  const copy = Buffer.from(bytes)
  for (let n = random.below(4); n >= 0; n--) copy[random.below(copy.length)] = random.below(256)
  const kind = random.below(4)
  if (kind === 0) return copy.subarray(0, 1 + random.below(copy.length))
  if (kind === 1) return copy.subarray(random.below(copy.length))
  if (kind === 2) return Buffer.concat([copy, random.bytes(random.below(20)), bytes])
  return copy
}
