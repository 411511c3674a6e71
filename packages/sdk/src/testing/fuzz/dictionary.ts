/** Values worth trying: where comparisons go wrong, what the samples hold, and what the codec's own source names. */

import type { FuzzInput } from './fuzz-input.ts'
import { readNumber } from './layout.ts'

export interface Dictionary {
  readonly numbers: readonly bigint[]
  readonly texts: readonly Buffer[]
}

const MAX_WORDS = 512
const MAX_TEXT_BYTES = 32
const NUMBER = /\b(?:0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*)n?\b/gi
const TEXT = /'((?:[^'\\\n]|\\.){1,32})'|"((?:[^"\\\n]|\\.){1,32})"/g
/** Kept in 64 bits. */
const MAX_NUMBER = 2n ** 64n

/** The literals of source texts, and the texts and numbers of these inputs. */
export function createDictionary(sources: readonly string[], inputs: readonly FuzzInput[]): Dictionary {
  const numbers = new Set<bigint>()
  const texts = new Set<string>()
  for (const { bytes, layout } of inputs) {
    for (const field of layout.numbers) numbers.add(readNumber(bytes, field))
    for (const { start, end } of layout.texts) {
      if (end - start <= MAX_TEXT_BYTES) texts.add(bytes.toString('latin1', start, end))
    }
  }
  for (const source of sources) {
    for (const [literal] of source.matchAll(NUMBER)) addNumber(numbers, literal)
    for (const [, single, double] of source.matchAll(TEXT)) texts.add(unescaped(single ?? double ?? ''))
  }
  return {
    numbers: [...numbers].slice(0, MAX_WORDS),
    texts: [...texts].slice(0, MAX_WORDS).map((text) => Buffer.from(text, 'latin1')),
  }
}

/** Numbers at the borders of what `bytes` bytes hold, signed and not. */
export function borderNumbers(bytes: number): readonly bigint[] {
  const bits = BigInt(8 * bytes)
  const borders = [0n, 1n, 2n, 3n, 4n, 7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n, 100n, 127n, 128n, 255n, 256n]
  const sign = 1n << (bits - 1n)
  return [
    ...borders,
    0x7fffn,
    0x8000n,
    0xffffn,
    0x7fffffffn,
    0x80000000n,
    sign - 1n,
    sign,
    2n * sign - 1n,
    2n * sign - 2n,
  ]
}

function addNumber(numbers: Set<bigint>, literal: string): void {
  const value = BigInt(literal.replaceAll('_', '').replace(/n$/, ''))
  if (value < MAX_NUMBER) numbers.add(value)
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0' }
  return text
    .replaceAll(/\\x([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll(/\\(.)/g, (_, letter: string) => named[letter] ?? letter)
}
