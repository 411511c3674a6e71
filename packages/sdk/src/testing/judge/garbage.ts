/** Bytes that nobody should have sent: random ones, and right ones that were damaged. */

import type { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import { opposite } from './subject.ts'

const RANDOM_BYTES = 64

/** So many inputs; from samples with options these stay, and now and then they come from the wrong side. */
export function* garbage(samples: readonly Sample[], random: Random, count: number): Generator<Sample> {
  for (let n = 0; n < count && samples.length > 0; n++) {
    const origin = samples[random.below(samples.length)] as Sample
    const bytes = random.below(3) === 0 ? random.bytes(1 + random.below(RANDOM_BYTES)) : damaged(origin.bytes, random)
    const side = random.below(8) === 0 ? opposite(origin.side) : origin.side
    yield { name: `${origin.name}, damaged`, side, bytes, config: origin.config }
  }
}

function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let n = random.below(4); n >= 0; n--) copy[random.below(copy.length)] = random.below(256)
  const kind = random.below(4)
  if (kind === 0) return copy.subarray(0, 1 + random.below(copy.length))
  if (kind === 1) return copy.subarray(random.below(copy.length))
  if (kind === 2) return Buffer.concat([copy, random.bytes(random.below(20)), bytes])
  return copy
}
