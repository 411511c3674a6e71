import { tryParseDuration } from '@meltemi/api'

const NANOS_PER_MS = 1e6
const NANOS = 1_000_000_000n

/** A duration such as `1m30s` in proto3 JSON: seconds, with 0, 3, 6 or 9 digits after the point, as Go writes it. */
export function durationJson(text: string): string {
  const nanos = BigInt(Math.round((tryParseDuration(text) ?? 0) * NANOS_PER_MS))
  const digits = String(nanos % NANOS)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '')
  return `${nanos / NANOS}${digits === '' ? '' : `.${digits}`}s`
}
