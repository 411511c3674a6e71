import { ScalarType } from '@bufbuild/protobuf'
import type { SourceNode } from '../document/source-node.ts'

export type ScalarResult =
  | { readonly kind: 'value'; readonly value: string | number | bigint | boolean }
  | { readonly kind: 'wrong'; readonly expected: string }

/** Messages that stand for a scalar which can be absent. */
export const WRAPPERS: ReadonlyMap<string, ScalarType> = new Map([
  ['google.protobuf.DoubleValue', ScalarType.DOUBLE],
  ['google.protobuf.FloatValue', ScalarType.FLOAT],
  ['google.protobuf.Int64Value', ScalarType.INT64],
  ['google.protobuf.UInt64Value', ScalarType.UINT64],
  ['google.protobuf.Int32Value', ScalarType.INT32],
  ['google.protobuf.UInt32Value', ScalarType.UINT32],
  ['google.protobuf.BoolValue', ScalarType.BOOL],
  ['google.protobuf.StringValue', ScalarType.STRING],
  ['google.protobuf.BytesValue', ScalarType.BYTES],
])

/** Smallest and largest value; 64-bit ones are bigint in a configuration. */
const INTEGERS: ReadonlyMap<ScalarType, { readonly min: bigint; readonly max: bigint; readonly isWide: boolean }> =
  new Map(
    [
      {
        types: [ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32],
        min: -(2n ** 31n),
        max: 2n ** 31n - 1n,
        isWide: false,
      },
      { types: [ScalarType.UINT32, ScalarType.FIXED32], min: 0n, max: 2n ** 32n - 1n, isWide: false },
      {
        types: [ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64],
        min: -(2n ** 63n),
        max: 2n ** 63n - 1n,
        isWide: true,
      },
      { types: [ScalarType.UINT64, ScalarType.FIXED64], min: 0n, max: 2n ** 64n - 1n, isWide: true },
    ].flatMap(({ types, ...bounds }) => types.map((type) => [type, bounds] as const)),
  )

/** Reads one scalar as proto3 JSON has it: numbers may be strings, strings may not be numbers. */
export function parseScalar(type: ScalarType, node: SourceNode): ScalarResult {
  const given = node.kind === 'scalar' ? node.value : undefined
  if (type === ScalarType.STRING) return typeof given === 'string' ? value(given) : wrong('a string (quote it)')
  if (type === ScalarType.BOOL) return typeof given === 'boolean' ? value(given) : wrong('true or false')
  if (type === ScalarType.BYTES) return isBase64(given) ? value(given) : wrong('a base64 string')
  const bounds = INTEGERS.get(type)
  if (bounds === undefined) return parseFloating(given)
  const integer = toBigInt(given)
  if (integer === undefined) return wrong('a whole number')
  if (integer < bounds.min || integer > bounds.max) return wrong(`a whole number from ${bounds.min} to ${bounds.max}`)
  return value(bounds.isWide ? integer : Number(integer))
}

const DURATION = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/

/** Nanoseconds of a duration in proto3 JSON (`1.5s`); undefined when it is not one, or negative. */
export function parseDuration(text: string): bigint | undefined {
  const [, minus, seconds, fraction] = DURATION.exec(text) ?? []
  if (seconds === undefined || minus === '-') return undefined
  return BigInt(seconds) * 1_000_000_000n + BigInt((fraction ?? '').padEnd(9, '0'))
}

function value(value: string | number | bigint | boolean): ScalarResult {
  return { kind: 'value', value }
}

function wrong(expected: string): ScalarResult {
  return { kind: 'wrong', expected }
}

function isBase64(given: unknown): given is string {
  return typeof given === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(given)
}

function toBigInt(given: unknown): bigint | undefined {
  if (typeof given === 'bigint') return given
  if (typeof given === 'string') return /^-?\d{1,20}$/.test(given) ? BigInt(given) : undefined
  return typeof given === 'number' && Number.isSafeInteger(given) ? BigInt(given) : undefined
}

function parseFloating(given: unknown): ScalarResult {
  if (typeof given === 'number' || typeof given === 'bigint') return value(Number(given))
  const isNumeric = typeof given === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(given)
  return isNumeric ? value(Number(given)) : wrong('a number')
}
