import { createHash } from 'node:crypto'
import type { RateLimitDescriptor } from '@meltemi/api/rate-limit'
import type { AppliedLimit } from './rules/rule.ts'

/** A client chooses the values, so a longer key is stored as its digest. */
const MAX_LENGTH = 1_024

/** As the reference has it, so that both can count in one Redis: `prefix` `domain` _ `key` _ `value` _ … `window`. */
export function counterKey(
  prefix: string,
  domain: string,
  { entries }: RateLimitDescriptor,
  { sharedValues }: AppliedLimit,
  startS: number,
): string {
  let key = `${prefix}${domain}_`
  for (const [index, entry] of entries.entries()) key += `${entry.key}_${sharedValues?.[index] ?? entry.value}_`
  if (key.length > MAX_LENGTH) key = `${prefix}sha256_${createHash('sha256').update(key).digest('hex')}_`
  return key + startS
}
