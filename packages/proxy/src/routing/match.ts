/** Compiles one matcher of a route into a test on a message's metadata. Semantics: Envoy's HeaderMatcher. */
import type { MetadataMatcher, StringMatch } from '@meltemi/api'
import type { Metadata } from '@meltemi/sdk'
import { compilePattern } from './match-pattern.ts'

export type ValueTest = (value: string) => boolean

const DECIMAL = /^[+-]?[0-9]+$/
const MAX_SAFE_DIGITS = 15
const MAX_INT64_DIGITS = 19
const MAX_INT64 = 2n ** 63n - 1n
const NON_ASCII = /[^\0-\x7f]/

/** One condition on one key. */
export class CompiledMatcher {
  /** Lower case. */
  readonly name: string
  /** The one value that satisfies it, if nothing else does: what an index can be built on. */
  readonly exactText: string | undefined
  readonly #test: ValueTest
  readonly #onMissing: boolean
  readonly #invert: boolean

  /** Throws a RangeError or SyntaxError with a clear message for a pattern that RE2 does not accept. */
  constructor(config: MetadataMatcher) {
    this.name = config.name.toLowerCase()
    this.#test = compileTest(config)
    this.#invert = config.invert
    this.#onMissing = matchesMissing(config, this.#test)
    this.exactText = indexableText(config)
  }

  matches(metadata: Metadata): boolean {
    return this.fits(metadata.find(this.name))
  }

  /** `value`: of the key; undefined: it is not there. */
  fits(value: string | undefined): boolean {
    return value === undefined ? this.#onMissing : this.#test(value) !== this.#invert
  }
}

/** A missing value never matches, inverted or not, unless its presence is asked for or it counts as empty. */
function matchesMissing(config: MetadataMatcher, test: ValueTest): boolean {
  if (config.treatMissingAsEmpty) return test('') !== config.invert
  return config.test.kind === 'present' && config.test.present === config.invert
}

function indexableText({ test, invert }: MetadataMatcher): string | undefined {
  const isPlain = test.kind === 'exact' && !test.ignoreCase && !invert && test.text !== ''
  return isPlain ? test.text : undefined
}

function compileTest({ test }: MetadataMatcher): ValueTest {
  switch (test.kind) {
    case 'present':
      return () => test.present
    case 'range':
      return (value) => isInRange(value, test.start, test.end)
    default:
      return compileStringMatch(test)
  }
}

/** Throws for a pattern that RE2 does not accept. */
export function compileStringMatch(match: StringMatch): ValueTest {
  if (match.kind === 'regex') return compilePattern(match.pattern)
  const { kind, ignoreCase } = match
  const text = ignoreCase ? asciiLower(match.text) : match.text
  const test = compileTextTest(kind, text)
  return ignoreCase ? (value) => test(asciiLower(value)) : test
}

function compileTextTest(kind: 'exact' | 'prefix' | 'suffix' | 'contains', text: string): ValueTest {
  switch (kind) {
    case 'exact':
      return (value) => value === text
    case 'prefix':
      return (value) => value.startsWith(text)
    case 'suffix':
      return (value) => value.endsWith(text)
    case 'contains':
      return (value) => value.includes(text)
    default:
      return kind satisfies never
  }
}

function isInRange(value: string, start: bigint, end: bigint): boolean {
  if (!DECIMAL.test(value)) return false
  if (value.length <= MAX_SAFE_DIGITS) return Number(value) >= start && Number(value) < end
  const digits = value.replace(/^[+-]?0*/, '')
  if (digits.length > MAX_INT64_DIGITS) return false
  const number = value.startsWith('-') ? -BigInt(digits) : BigInt(digits)
  return number >= -MAX_INT64 - 1n && number <= MAX_INT64 && number >= start && number < end
}

/** Only A to Z, as Envoy: Unicode's rules would make the Kelvin sign a `k`. */
function asciiLower(text: string): string {
  if (!NON_ASCII.test(text)) return text.toLowerCase()
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
