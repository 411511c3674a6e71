/** Whether two decodes said the same. */

import type { Metadata } from '../../index.ts'

/** Of bytes and texts that are longer, not all is shown. */
const MAX_PRINTED = 48

/** Facts of a message that are compared as they are, besides its bytes and its properties. */
const FACTS = [
  ...['type', 'status', 'requestId', 'streamId', 'headerSize', 'bodySize', 'operation'],
  ...['affinity', 'last', 'timeoutMs', 'idempotent'],
] as readonly (keyof Metadata)[]

/** What another id or another property may change besides: the bytes and how many they are. */
export const LENGTHS: readonly (keyof Metadata)[] = ['headerSize', 'bodySize', 'message']

/** The first difference, in words; undefined when there is none. Facts in `except` may differ. */
export function differenceOf(
  expected: Metadata,
  actual: Metadata,
  except: readonly (keyof Metadata)[] = [],
): string | undefined {
  for (const fact of FACTS) {
    if (actual[fact] === expected[fact] || except.includes(fact)) continue
    return `${fact} is ${print(actual[fact])} instead of ${print(expected[fact])}`
  }
  if (!except.includes('message') && !actual.message.equals(expected.message)) {
    return `message is ${printBytes(actual.message)} instead of ${printBytes(expected.message)}`
  }
  return propertyDifference(propertiesOf(expected), propertiesOf(actual))
}

/** The first difference of two lists of messages. */
export function differenceOfAll(
  expected: readonly Metadata[],
  actual: readonly Metadata[],
  except: readonly (keyof Metadata)[] = [],
): string | undefined {
  if (actual.length !== expected.length) return `${count(actual.length, 'message')} instead of ${expected.length}`
  for (const [n, message] of expected.entries()) {
    const difference = differenceOf(message, actual[n] as Metadata, except)
    if (difference !== undefined) return `${expected.length > 1 ? `of message ${n + 1} ` : ''}${difference}`
  }
  return undefined
}

/** The routable pairs by key. */
export function propertiesOf(message: Metadata): Map<string, string> {
  const properties = new Map<string, string>()
  for (let n = 0; n < message.size; n++) properties.set(message.key(n), message.value(n))
  return properties
}

export function propertyDifference(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
): string | undefined {
  for (const [key, value] of expected) {
    if (actual.get(key) === value) continue
    return `property ${print(key)} is ${print(actual.get(key))} instead of ${print(value)}`
  }
  if (actual.size === expected.size) return undefined
  for (const [key, value] of actual) if (!expected.has(key)) return `property ${print(key)} is ${print(value)} and new`
  return undefined
}

export function printBytes(bytes: Buffer): string {
  if (bytes.length === 0) return 'nothing'
  if (bytes.length <= MAX_PRINTED) return bytes.toString('hex')
  return `${bytes.toString('hex', 0, MAX_PRINTED)}… (${count(bytes.length, 'byte')})`
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function print(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  return value.length > MAX_PRINTED ? `${value.length} characters` : JSON.stringify(value)
}
