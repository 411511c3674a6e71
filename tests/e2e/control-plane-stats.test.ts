/** A control plane, proxies that have all their configuration from it, and who calls whom by their stats. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NodeConfig } from '@meltemi/api'
import { dubbo } from '@meltemi/codecs/dubbo'
import { istioStats, metadataExchange } from '@meltemi/proxy/filters'
import type { Metadata } from '@meltemi/sdk'
import { startControlPlaneProcess } from '../harness/control-plane-process.ts'
import { dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import {
  connectClient,
  freePort,
  type Handler,
  type ProxyProcess,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  testCluster,
  testRoute,
} from '../harness/index.ts'
import {
  INBOUND_CLUSTER,
  istioRequests,
  SHOP,
  SHOP_HOST,
  sidecarFilters,
  WEB,
  workloadLabels,
} from '../harness/sidecars.ts'

const PEER_KEYS = ['x-envoy-peer-metadata', 'x-envoy-peer-metadata-id']
const DEPOT_HOST = 'depot.stock.svc.cluster.local'
const VAULT_HOST = 'vault.stock.svc.cluster.local'

const answering: Handler = (request, connection) => {
  connection.send(dubboReply({ id: Number(request.requestId), body: 'here' }))
}

interface ServiceOptions {
  readonly host: string
  /** Where proxies listen for it. */
  readonly port: number
  /** Of its workload. */
  readonly workload: number
  readonly annotations?: string
}

function service({ host, port, workload, annotations = '{}' }: ServiceOptions): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.split('.')[0]}-${port}, annotations: ${annotations} }
spec:
  hosts: [${host}]
  ports: [{ number: ${port}, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp-metaprotocol-dubbo: ${workload} } }]
`
}

/** Its bootstrap knows itself and where the control plane is. */
function startXdsSidecar(node: NodeConfig, xdsPort: number, scope: readonly string[]): Promise<ProxyProcess> {
  const address = { socket_address: { address: '127.0.0.1', port_value: xdsPort } }
  const load_assignment = { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
  const source = { ads: {}, resource_api_version: 'V3' }
  const grpc_services = [{ envoy_grpc: { cluster_name: 'xds' } }]
  return startProxyProcess({
    codec: dubbo.name,
    endpoints: [],
    bootstrap: {
      node: { ...node, metadata: { ...node.metadata, SCOPE: scope } },
      static_resources: { clusters: [{ name: 'xds', http2_protocol_options: {}, load_assignment }] },
      dynamic_resources: {
        ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services },
        lds_config: source,
        cds_config: source,
      },
    },
    arguments: ['--no-xds-cache-dir', '--log-level', 'error', '--concurrency', '1'],
  })
}

async function ask(port: number, id: number): Promise<Metadata> {
  await using client = await connectClient({ port, codec: dubbo, timeoutMs: 15_000 })
  return await client.request(dubboRequest({ id, attachments: { tenant: 'blue' } }))
}

/** The one line of `istio_requests_total` of this service. */
async function requestsTo(proxy: ProxyProcess, host: string): Promise<string> {
  const { text } = await proxy.get('/stats/prometheus')
  const lines = text.split('\n').filter((line) => line.startsWith('istio_requests_total{') && line.includes(host))
  assert.equal(lines.length, 1, text)
  return lines[0] as string
}

function assertLabels(line: string, labels: Readonly<Record<string, string>>, count: number): void {
  for (const [label, value] of Object.entries(labels))
    assert.ok(line.includes(`${label}="${value}"`), `${label}: ${line}`)
  assert.ok(line.endsWith(`} ${count}`), line)
}

function peerKeysOf(message: Metadata | undefined): readonly string[] {
  assert.equal(message?.get('tenant'), 'blue')
  return PEER_KEYS.filter((key) => message?.get(key) !== undefined)
}

test('proxies that a control plane configures count who calls whom, and tell it to proxies beside workloads', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-stats-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using shop = await startEchoServer({ codec: dubbo, handler: answering })
  await using depot = await startEchoServer({ codec: dubbo, handler: answering })
  await using vault = await startEchoServer({ codec: dubbo, handler: answering })
  await using inbound = await startTestProxy({
    codec: dubbo,
    node: SHOP,
    listener: { direction: 'inbound' },
    clusters: [testCluster(INBOUND_CLUSTER, [shop.port])],
    routes: [testRoute(INBOUND_CLUSTER)],
    filters: [metadataExchange, istioStats],
    filter: { filters: sidecarFilters(SHOP_HOST) },
  })
  const [shopPort, depotPort, vaultPort] = [await freePort(), await freePort(), await freePort()]
  const resources = [
    service({ host: SHOP_HOST, port: shopPort, workload: inbound.port }),
    service({ host: DEPOT_HOST, port: depotPort, workload: depot.port }),
    service({
      host: VAULT_HOST,
      port: vaultPort,
      workload: vault.port,
      annotations: "{ meltemi.io/peer-metadata: 'false' }",
    }),
  ]
  writeFileSync(join(folder, 'services.yaml'), resources.join('---\n'))
  await using controlPlane = await startControlPlaneProcess({ folder, runtimeFolder: folder })
  await using web = await startXdsSidecar(WEB, controlPlane.xdsPort, [SHOP_HOST])
  await using beside = await startXdsSidecar(SHOP, controlPlane.xdsPort, [DEPOT_HOST, VAULT_HOST])

  const reply = await ask(shopPort, 1)
  await ask(shopPort, 2)
  await ask(depotPort, 3)
  await ask(vaultPort, 4)

  // with a proxy beside the workload
  const destination = { ...workloadLabels('destination', SHOP), destination_service: SHOP_HOST, response_code: '0' }
  const source = workloadLabels('source', WEB)
  const line = await requestsTo(web, SHOP_HOST)
  assertLabels(line, { reporter: 'source', request_protocol: 'dubbo', ...source, ...destination }, 2)
  const [told] = istioRequests(inbound)
  assert.equal(told?.count, 2)
  for (const [label, value] of Object.entries({ reporter: 'destination', ...source, ...destination }))
    assert.equal(told?.labels[label], value, label)
  assert.deepEqual(peerKeysOf(shop.received[0]), [])
  for (const key of PEER_KEYS) assert.equal(reply.get(key), undefined)

  // without one, as the reference does and as the service has it
  for (const [host, server, seen] of [
    [DEPOT_HOST, depot, PEER_KEYS],
    [VAULT_HOST, vault, []],
  ] as const) {
    const labels = { ...workloadLabels('source', SHOP), destination_workload: 'unknown', destination_service: host }
    assertLabels(await requestsTo(beside, host), { reporter: 'source', ...labels }, 1)
    assert.deepEqual(peerKeysOf(server.received[0]), seen, host)
  }
})
