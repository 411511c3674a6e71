import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { proxyFilters } from '@meltemi/proxy/filters'
import { ROOT } from '../scripts/workspace.ts'
import { FOUR_PROTOCOLS } from './harness/index.ts'
import { hasTest } from './promises/table.ts'

interface Row {
  readonly policy: string
  /** What configures it. */
  readonly settings: string
  readonly cells: readonly string[]
}

const CELL = /^\[([^\]]+)\]\(\.\.\/(tests\/[\w./-]+\.test\.ts) "([^"]+)"\)$/
const rows = rowsOf(readFileSync(join(ROOT, 'docs/policies.md'), 'utf8'))

function rowsOf(page: string): readonly Row[] {
  const lines = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| policy'))
  return lines.map((line) => {
    const [policy = '', settings = '', ...cells] = line.slice(2, -2).split(' | ')
    return { policy, settings, cells }
  })
}

test('each policy has a test for each of the four protocols, which exists', () => {
  assert.ok(rows.length > 20)
  for (const { policy, cells } of rows) {
    assert.equal(cells.length, FOUR_PROTOCOLS.length, policy)
    for (const [at, cell] of cells.entries()) {
      const [, , file = '', title = ''] = CELL.exec(cell) ?? assert.fail(`${policy}: ${cell}`)
      assert.ok(existsSync(join(ROOT, file)), `${policy}: ${file}`)
      const source = readFileSync(join(ROOT, file), 'utf8')
      assert.ok(hasTest(source, title), `${file}: ${title}`)
      // a title that is made in a loop names the protocol; another one stands in a group for each of them
      const { name } = FOUR_PROTOCOLS[at] ?? assert.fail()
      const isForAll = source.includes(`'${title}'`)
      assert.ok(title.includes(name) || isForAll, `${policy}: a test of ${name}, not '${title}'`)
      assert.ok(title.includes(name) || source.includes('of FOUR_PROTOCOLS'), `${file} is not for ${name}`)
    }
  }
})

test('every filter of the proxy has a row', () => {
  const settings = rows.map((row) => row.settings).join(' ')
  const missing = proxyFilters.filter(({ name }) => !settings.includes(`\`${name}\``))
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  )
})

/** Fields of the model that do something to requests, and what configures them. */
const POLICIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  RouteConfig: {
    clusters: 'weighted_clusters',
    mirrors: 'request_mirror_policies',
    timeoutMs: 'timeout',
    retry: 'retry_policy',
    hedge: 'hedge_policy',
    requestBufferLimitBytes: 'per_request_buffer_limit_bytes',
    requestMutation: 'request_mutation',
    responseMutation: 'response_mutation',
    clusterKey: 'cluster_header',
    directResponse: 'direct_response',
    overrides: 'typed_per_filter_config',
  },
  ClusterConfig: {
    circuitBreaker: 'circuit_breakers',
    outlierDetection: 'outlier_detection',
    healthCheck: 'tcp_health_check',
    tls: 'transport_socket',
  },
  ListenerConfig: { tls: 'transport_socket' },
  MetaProtocolConfig: { requestTimeoutMs: 'request_timeout', ignoresClientTimeout: 'ignore_client_timeout' },
}

/** The others: what and where things are, how hosts are found and chosen, limits of memory, what is observed. */
const NO_POLICIES: Readonly<Record<string, string>> = {
  RouteConfig: 'name match hashPolicy',
  ClusterConfig: `name statName discovery eds dnsRefreshMs dnsLookupFamily dnsFailureRefresh respectDnsTtl dnsServers
    endpoints connectTimeoutMs loadBalancer localityLb subsets panicThresholdPercent bufferLimitBytes
    closesConnectionsOfUnhealthy ignoresHealthOnRemoval ignoresUncheckedHosts http2 transportMatches`,
  ListenerConfig: 'name address direction proxyProtocol identityTlv bufferLimitBytes maxConnections filter',
  MetaProtocolConfig: `kind statPrefix applicationProtocol codec multiplexing filters routes rds idleTimeoutMs
    maxMessageBytes maxInFlightPerConnection maxDownstreamBufferBytes partialMessageTimeoutMs generateRequestId tracing
    accessLogs`,
}

test('whatever routes, clusters and listeners can do to requests has a row', () => {
  const model = globSync('packages/api/src/model/*.ts', { cwd: ROOT })
  const sources = model.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')
  const settings = rows.map((row) => row.settings).join(' ')
  for (const [name, policies] of Object.entries(POLICIES)) {
    const [, body = ''] = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(sources) ?? []
    const fields = [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, field = '']) => field)
    const known = [...Object.keys(policies), ...(NO_POLICIES[name] ?? '').split(/\s+/)]
    assert.deepEqual(fields.toSorted(), known.toSorted(), `${name}: a field that is new is a policy, or is none`)
    for (const setting of Object.values(policies)) assert.ok(settings.includes(`\`${setting}\``), setting)
  }
})
