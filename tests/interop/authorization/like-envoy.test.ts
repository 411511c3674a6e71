/** The same rules and the same requests in a real Envoy and in Meltemi: who is let in, and by which policy not? */

import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '@meltemi/proxy'
import { findFreePort } from '../../../benchmarks/peers/peer.ts'
import { rbacFilter, startAuthorizedProxy } from '../../harness/authorized.ts'
import { mutable, mutableFrame } from '../../harness/codecs/index.ts'
import { connectClient, type EchoServer, jsonLog, Observed, startEchoServer } from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'
import { type Asked, type Json, PolicyDraw, withPort } from './draw-policy.ts'

const SEED = 20_261_127
const POLICIES = 150
const REQUESTS = 12
const GROUPS = 5

const draw = new PolicyDraw(new SeededRandom(SEED))
const CASES = Array.from({ length: POLICIES }, () => ({
  rules: draw.rules(),
  asked: Array.from({ length: REQUESTS }, () => draw.asked()),
}))

/** Empty: let in; otherwise why not. */
type Decision = string

function bootstrap(port: number): Json {
  const HTTP = 'type.googleapis.com/envoy.extensions.filters.http'
  const routes = CASES.map(({ rules }, at) => ({
    match: { prefix: `/${at}/` },
    direct_response: { status: 200 },
    typed_per_filter_config: {
      rbac: { '@type': `${HTTP}.rbac.v3.RBACPerRoute`, rbac: { rules: withPort(rules, port) } },
    },
  }))
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'http',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      { name: 'rbac', typed_config: { '@type': `${HTTP}.rbac.v3.RBAC` } },
      { name: 'router', typed_config: { '@type': `${HTTP}.router.v3.Router` } },
    ],
    local_reply_config: { body_format: { text_format_source: { inline_string: '%RESPONSE_CODE_DETAILS%' } } },
  }
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }]
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  return { static_resources: { listeners: [{ name: 'http', address, filter_chains: [{ filters }] }] } }
}

function askEnvoy(port: number, at: number, { headers, from }: Asked, agent: Agent): Promise<Decision> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: `/${at}/`, headers, localAddress: from, agent }
    httpRequest(options, (reply) => {
      let text = ''
      reply.on('data', (chunk) => {
        text += chunk
      })
      reply.on('end', () => {
        if (reply.statusCode !== 200 && reply.statusCode !== 403) reject(new Error(`${reply.statusCode} ${text}`))
        else resolve(reply.statusCode === 200 ? '' : text)
      })
    })
      .on('error', reject)
      .end()
  })
}

/** All requests of one case, in order. */
async function askMeltemi(server: EchoServer, { rules, asked }: (typeof CASES)[number]): Promise<readonly Decision[]> {
  const port = await findFreePort()
  const observed = new Observed()
  const filter = rbacFilter({ rules: withPort(rules, port) })
  {
    await using proxy = await startAuthorizedProxy([filter], {
      codec: mutable,
      endpoints: [server.port],
      listener: { address: { host: '127.0.0.1', port } },
      filter: { accessLogs: [jsonLog({ details: '%RESPONSE_CODE_DETAILS%' })] },
      outlet: observed,
    })
    for (const { headers, from } of asked) {
      await using client = await connectClient({ port: proxy.port, codec: mutable, localAddress: from })
      await client.request(mutableFrame({ id: 1, pairs: headers }))
    }
  }
  return observed.lines.map(({ details }) => String(details))
}

describe('decisions are those of Envoy', () => {
  let envoy: EnvoyProcess
  let server: EchoServer
  let port = 0
  const agents = new Map<string, Agent>()
  const agentOf = (from: string) => {
    const agent = agents.get(from) ?? new Agent({ keepAlive: true, maxSockets: 1 })
    agents.set(from, agent)
    return agent
  }

  before(async () => {
    server = await startEchoServer({ codec: mutable })
    port = await findFreePort()
    envoy = runEnvoy(bootstrap(port))
    const endMs = performance.now() + 20_000
    const probe: Asked = { headers: {}, from: '127.0.0.1' }
    while (
      !(await askEnvoy(port, 0, probe, agentOf(probe.from)).then(
        () => true,
        () => false,
      ))
    ) {
      if (performance.now() > endMs || !envoy.isRunning) throw new Error(envoy.log())
      await sleep(50)
    }
  })
  after(async () => {
    for (const agent of agents.values()) agent.destroy()
    await envoy[Symbol.asyncDispose]()
    await server.close()
  })

  const counts = { allowed: 0, denied: 0 }
  for (let group = 0; group < GROUPS; group++) {
    test(`of random rules, part ${group + 1} of ${GROUPS}`, async () => {
      for (const [at, each] of CASES.entries()) {
        if (at % GROUPS !== group) continue
        const theirs: Decision[] = []
        for (const asked of each.asked) theirs.push(await askEnvoy(port, at, asked, agentOf(asked.from)))
        const ours = await askMeltemi(server, each)
        for (const [n, asked] of each.asked.entries())
          assert.equal(ours[n], theirs[n], `${JSON.stringify(each.rules)}\n${JSON.stringify(asked)}`)
        for (const decision of theirs) counts[decision === '' ? 'allowed' : 'denied']++
      }
    })
  }

  test('both ways often enough to mean something', (context) => {
    context.diagnostic(JSON.stringify(counts))
    assert.equal(counts.allowed + counts.denied, POLICIES * REQUESTS)
    assert.ok(Math.min(counts.allowed, counts.denied) > (POLICIES * REQUESTS) / 5, JSON.stringify(counts))
  })
})
