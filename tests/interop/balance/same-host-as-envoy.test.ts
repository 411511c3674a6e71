/** The same ten hosts behind a real Envoy and behind Meltemi: to which does each of a thousand keys go? */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterConfig, parseBootstrap } from '@meltemi/api'
import { findFreePort } from '../../../benchmarks/peers/peer.ts'
import { mutable, mutableFrame } from '../../harness/codecs/index.ts'
import { connectClient, startEchoServer, startTestProxy, testRoute } from '../../harness/index.ts'
import { runEnvoy } from '../xds/envoy-process.ts'

const HOSTS = 10
const KEYS = Array.from({ length: 1000 }, (_, key) => `user-${key}`)
const STARTED_MS = 15_000
const POLICIES = { ring_hash: 'RING_HASH', maglev: 'MAGLEV' }

function clusterOf(name: string, policy: string, ports: readonly number[]): object {
  const endpoints = ports.map((port) => ({ endpoint: { address: addressOf(port) } }))
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }
  return { name, type: 'STATIC', connect_timeout: '5s', lb_policy: policy, load_assignment }
}

function addressOf(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

/** It sends each request where its header `user` says. */
function listenerOf(cluster: string, port: number): object {
  const route = { cluster, hash_policy: [{ header: { header_name: 'user' } }] }
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: cluster,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }] },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  }
  return { name: cluster, address: addressOf(port), filter_chains: [{ filters: [{ name: 'http', typed_config }] }] }
}

async function startHttpServer(name: string): Promise<Server> {
  const server = createServer((_request, response) => void response.end(name)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function ask(port: number, user: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent, headers: { user } }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(response.statusCode === 200 ? text : '-')
    })
    request.on('error', reject)
  })
}

/** By policy: the hosts of all keys. */
async function askEnvoy(servers: readonly Server[], ports: readonly number[]): Promise<ReadonlyMap<string, string[]>> {
  const listeners: object[] = []
  const entries = new Map<string, number>()
  for (const name of Object.keys(POLICIES)) entries.set(name, await findFreePort())
  for (const [name, port] of entries) listeners.push(listenerOf(name, port))
  const clusters = Object.entries(POLICIES).map(([name, policy]) => clusterOf(name, policy, ports))
  await using envoy = runEnvoy({ static_resources: { listeners, clusters } })
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const endMs = performance.now() + STARTED_MS
  for (const port of entries.values()) {
    while ((await ask(port, 'somebody', agent).catch(() => '-')) === '-') {
      if (performance.now() > endMs || !envoy.isRunning) throw new Error(envoy.log())
      await sleep(20)
    }
  }
  const hosts = new Map<string, string[]>()
  for (const [name, port] of entries) hosts.set(name, await Promise.all(KEYS.map((key) => ask(port, key, agent))))
  agent.destroy()
  for (const server of servers) server.closeAllConnections()
  return hosts
}

async function askMeltemi(cluster: ClusterConfig): Promise<string[]> {
  const route = testRoute(cluster.name, { hashPolicy: ['user'] })
  await using proxy = await startTestProxy({ codec: mutable, clusters: [cluster], routes: [route] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const frames = KEYS.map((user, id) => mutableFrame({ id, pairs: { user } }))
  const replies = await Promise.all(frames.map((frame) => client.request(frame)))
  return replies.map((reply) => reply.message.toString('utf8', reply.headerSize))
}

test('ring hash and maglev pick for each of 1,000 keys the host that Envoy picks', async () => {
  const names = Array.from({ length: HOSTS }, (_, host) => `host-${host}`)
  const servers = await Promise.all(names.map(startHttpServer))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  const theirs = await askEnvoy(servers, ports)
  // the same addresses again: they are what is hashed
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  await using stack = new AsyncDisposableStack()
  for (const [at, port] of ports.entries()) {
    const body = names[at] as string
    const handler: Parameters<typeof startEchoServer>[0]['handler'] = (request, connection) =>
      connection.send(mutableFrame({ id: Number(request.requestId), body }))
    stack.use(await startEchoServer({ codec: mutable, port, handler }))
  }
  const clusters = Object.entries(POLICIES).map(([name, policy]) => clusterOf(name, policy, ports))
  const { config, problems } = parseBootstrap(JSON.stringify({ static_resources: { clusters } }), 'envoy.json')
  assert.deepEqual(problems, [])
  for (const cluster of config?.clusters ?? []) {
    const hosts = theirs.get(cluster.name)
    assert.equal(new Set(hosts).size, HOSTS, `${cluster.name}: all hosts are used`)
    assert.deepEqual(await askMeltemi(cluster), hosts, cluster.name)
  }
})
