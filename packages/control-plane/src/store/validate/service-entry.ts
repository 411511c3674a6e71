import { isIP } from 'node:net'
import type { ResourceProblems, ServiceEntry } from '@meltemi/api/resource'
import { checkExportTo } from './check-export-to.ts'
import { checkHost } from './check-host.ts'
import { checkUnique } from './check-unique.ts'
import type { Loose } from './loose.ts'

type Spec = NonNullable<Loose<ServiceEntry>['spec']>

export function checkServiceEntry({ spec, metadata }: Loose<ServiceEntry>, problems: ResourceProblems): void {
  if (spec === undefined) return
  checkHosts(spec, problems)
  const { ports = [], endpoints = [], workloadSelector } = spec
  checkUnique(
    ports.map(({ number }) => number),
    (index) => ['spec', 'ports', index, 'number'],
    problems,
  )
  checkUnique(
    ports.map(({ name }) => name),
    (index) => ['spec', 'ports', index, 'name'],
    problems,
  )
  if (endpoints.length > 0 && workloadSelector !== undefined) {
    const message = 'cannot stand beside endpoints'
    problems.error({
      code: 'conflicting-fields',
      path: ['spec', 'workloadSelector'],
      message,
      fix: 'leave out one of them',
    })
  }
  checkEndpoints(spec, problems)
  checkExportTo(spec.exportTo, metadata?.namespace ?? '', problems)
}

/** The first one names the service; the others are names that Istio's DNS knows. */
function checkHosts({ hosts = [], resolution, endpoints = [] }: Spec, problems: ResourceProblems): void {
  for (const [index, host] of hosts.entries()) {
    const path = ['spec', 'hosts', index]
    checkHost(host, path, problems)
    if (index > 0) problems.warning({ code: 'no-effect', path, message: 'only the first host names the service here' })
  }
  checkUnique(hosts, (index) => ['spec', 'hosts', index], problems)
  const isByName = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN'
  if (!isByName || endpoints.length > 0 || !hosts[0]?.startsWith('*')) return
  const message = `${hosts[0]} cannot be resolved, and there are no endpoints`
  problems.error({ code: 'conflicting-fields', path: ['spec', 'hosts', 0], message, fix: 'add endpoints' })
}

function checkEndpoints({ resolution, endpoints = [], ports = [] }: Spec, problems: ResourceProblems): void {
  const names = new Set(ports.map(({ name }) => name))
  for (const [index, endpoint] of endpoints.entries()) {
    const path = ['spec', 'endpoints', index]
    if (resolution === 'STATIC' && endpoint.address !== undefined && isIP(endpoint.address) === 0) {
      const message = `expected an IP address with resolution STATIC, found ${JSON.stringify(endpoint.address)}`
      problems.error({
        code: 'invalid-value',
        path: [...path, 'address'],
        message,
        fix: 'use resolution DNS for names',
      })
    }
    for (const name of Object.keys(endpoint.ports ?? {})) {
      if (names.has(name)) continue
      const fix = `ports are ${[...names].join(', ')}`
      const message = `the service has no port ${name}`
      problems.error({ code: 'unknown-port', path: [...path, 'ports', name], message, fix, isAboutKey: true })
    }
  }
}
