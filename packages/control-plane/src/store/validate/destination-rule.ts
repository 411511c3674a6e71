import {
  type ConsistentHash,
  type DestinationRule,
  type LoadBalancerSettings,
  type ResourcePath,
  type ResourceProblems,
  type SubsetTrafficPolicy,
  tryParseDuration,
} from '@meltemi/api/resource'
import { checkExportTo } from './check-export-to.ts'
import { checkHost } from './check-host.ts'
import { checkTls } from './check-tls.ts'
import { checkUnique } from './check-unique.ts'
import type { Loose } from './loose.ts'

type Policy = Loose<SubsetTrafficPolicy> | undefined

/** Envoy's, too: it counts time in milliseconds. */
const MIN_DURATION_MS = 1
/** 10,000 hours: what is longer cannot be told to every proxy. */
const MAX_DURATION_MS = 10_000 * 60 * 60 * 1_000

export function checkDestinationRule({ spec, metadata }: Loose<DestinationRule>, problems: ResourceProblems): void {
  if (spec === undefined) return
  const { host, trafficPolicy, subsets = [], exportTo } = spec
  checkHost(host, ['spec', 'host'], problems)
  const path = ['spec', 'trafficPolicy']
  checkPolicy(trafficPolicy, path, problems)
  const ports = trafficPolicy?.portLevelSettings ?? []
  for (const [index, port] of ports.entries()) checkPolicy(port, [...path, 'portLevelSettings', index], problems)
  checkUnique(
    ports.map(({ port }) => port?.number),
    (index) => [...path, 'portLevelSettings', index, 'port', 'number'],
    problems,
  )
  for (const [index, subset] of subsets.entries())
    checkPolicy(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'], problems)
  checkUnique(
    subsets.map(({ name }) => name),
    (index) => ['spec', 'subsets', index, 'name'],
    problems,
  )
  checkExportTo(exportTo, metadata?.namespace ?? '', problems)
}

function checkPolicy(policy: Policy, path: ResourcePath, problems: ResourceProblems): void {
  const { loadBalancer, connectionPool, outlierDetection, tls } = policy ?? {}
  checkTls(tls, [...path, 'tls'], problems)
  if (loadBalancer?.simple !== undefined && loadBalancer.consistentHash !== undefined)
    refuseBoth([...path, 'loadBalancer', 'simple'], 'consistentHash', problems)
  if (loadBalancer?.simple === 'PASSTHROUGH') {
    const message = 'PASSTHROUGH has no effect here: LEAST_REQUEST is used'
    problems.warning({ code: 'no-effect', path: [...path, 'loadBalancer', 'simple'], message })
  }
  checkWarmup(loadBalancer, [...path, 'loadBalancer', 'warmupDurationSecs'], problems)
  checkHash(loadBalancer?.consistentHash, [...path, 'loadBalancer', 'consistentHash'], problems)
  checkDuration(connectionPool?.tcp?.connectTimeout, [...path, 'connectionPool', 'tcp', 'connectTimeout'], problems)
  for (const field of ['interval', 'baseEjectionTime'] as const)
    checkDuration(outlierDetection?.[field], [...path, 'outlierDetection', field], problems)
}

function checkWarmup(
  loadBalancer: Loose<LoadBalancerSettings> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  const text = loadBalancer?.warmupDurationSecs
  checkDuration(text, path, problems)
  if (text === undefined || (loadBalancer?.simple !== 'RANDOM' && loadBalancer?.consistentHash === undefined)) return
  const message = 'has no effect here: only ROUND_ROBIN and LEAST_REQUEST start slowly'
  problems.warning({ code: 'no-effect', path, message })
}

function checkHash(hash: Loose<ConsistentHash> | undefined, path: ResourcePath, problems: ResourceProblems): void {
  if (hash === undefined) return
  if (hash.httpHeaderName === undefined) {
    const message = 'without httpHeaderName there is nothing to hash, so requests go anywhere'
    problems.warning({ code: 'no-effect', path, message, fix: 'name the property that decides, in httpHeaderName' })
  }
  if (hash.ringHash !== undefined && hash.maglev !== undefined) refuseBoth([...path, 'maglev'], 'ringHash', problems)
  const tableSize = hash.maglev?.tableSize
  if (tableSize === undefined || tableSize < 2 || isPrime(tableSize)) return
  const message = `expected a prime, found ${tableSize}`
  problems.error({ code: 'invalid-value', path: [...path, 'maglev', 'tableSize'], message })
}

function refuseBoth(path: ResourcePath, other: string, problems: ResourceProblems): void {
  const message = `cannot stand beside ${other}`
  problems.error({ code: 'conflicting-fields', path, message, fix: 'leave out one of them' })
}

function checkDuration(text: string | undefined, path: ResourcePath, problems: ResourceProblems): void {
  const ms = text === undefined ? undefined : tryParseDuration(text)
  if (ms === undefined || (ms >= MIN_DURATION_MS && ms <= MAX_DURATION_MS)) return
  const message = `expected at least ${MIN_DURATION_MS}ms and at most ${MAX_DURATION_MS / 3_600_000}h, found ${text}`
  problems.error({ code: 'invalid-value', path, message })
}

/** The schema bounds it by some millions. */
function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}
