import {
  type MetaRoute,
  RETRY_CONDITIONS,
  type ResourcePath,
  type ResourceProblems,
  tryParseDuration,
} from '@meltemi/api/resource'
import type { Loose } from './loose.ts'

/** A route names the replies that it tries again in the proxy's own configuration only. */
const UNSAID = 'retriable-headers'

export function checkRetries(
  { retries, timeout }: Loose<MetaRoute>,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  if (retries === undefined) return
  const here = [...path, 'retries']
  for (const name of (retries.retryOn ?? '').split(',').map((each) => each.trim()))
    if (name !== '') checkCondition(name, [...here, 'retryOn'], problems)
  const [wholeMs, tryMs] = [tryParseDuration(timeout ?? ''), tryParseDuration(retries.perTryTimeout ?? '')]
  if (wholeMs === undefined || wholeMs === 0 || tryMs === undefined || tryMs <= wholeMs) return
  problems.warning({
    code: 'conflicting-fields',
    path: [...here, 'perTryTimeout'],
    message: 'is longer than the timeout of the whole request, which ends it before',
    fix: 'make it shorter, or leave it out',
  })
}

function checkCondition(name: string, path: ResourcePath, problems: ResourceProblems): void {
  const known: readonly string[] = RETRY_CONDITIONS.filter((condition) => condition !== UNSAID)
  if (known.includes(name)) return
  const message = `there is no condition ${JSON.stringify(name)}`
  problems.error({ code: 'invalid-value', path, message, fix: `known are: ${known.join(', ')}` })
}
