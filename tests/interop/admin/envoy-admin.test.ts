/** A real Envoy and a proxy of ours with one bootstrap: their admin pages say the same. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { freePort, MeltemiProcess } from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'

const CLIENTS = 3
/** What the configuration says of each endpoint; there are as many services. */
const HEALTH = ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'UNHEALTHY'] as const
/** Of the process, which Envoy has otherwise or not at all. */
const OWN_STATS = /^server\.(?:workers|worker_restarted|worker_hung|codec_exception)$/

interface Ports {
  readonly admin: number
  readonly listener: number
}

interface Host {
  readonly address: { readonly socket_address: { readonly port_value: number } }
  readonly health_status: object
}

class Side {
  readonly ports: Ports

  constructor(ports: Ports) {
    this.ports = ports
  }

  async get(path: string): Promise<string> {
    const reply = await fetch(`http://127.0.0.1:${this.ports.admin}${path}`, { headers: { connection: 'close' } })
    assert.equal(reply.status, 200, path)
    return reply.text()
  }

  async ready(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if ((await this.get('/ready').catch(() => '')).startsWith('LIVE')) return
      await setTimeout(50)
    }
    assert.fail('it does not start')
  }

  /** The clients have come and gone. */
  async talk(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const socket = connect(this.ports.listener, '127.0.0.1')
      socket.resume()
      socket.write('hello')
      await once(socket, 'close')
    }
  }

  /** Name → value. */
  async stats(): Promise<ReadonlyMap<string, string>> {
    const lines = (await this.get('/stats')).split('\n')
    return new Map(lines.map((line) => line.split(': ') as [string, string]))
  }

  /** Series of Prometheus without their values. */
  async series(): Promise<readonly string[]> {
    const lines = (await this.get('/stats/prometheus')).split('\n')
    return lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => normalized(line.replace(/ \S+$/, '')))
  }
}

/** Labels in one order. */
function normalized(series: string): string {
  const [, family = '', labels = ''] = /^([^{]+)(?:\{(.*)\})?$/.exec(series) ?? []
  return `${family}{${labels
    .split(/,(?=\w+=")/)
    .toSorted()
    .join()}}`
}

function bootstrap(ports: Ports, services: readonly number[]): object {
  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const tcpProxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'gate',
    cluster: 'outbound|80||a.b.svc.cluster.local',
  }
  const endpoints = services.map((port, at) => ({
    endpoint: { address: address(port) },
    health_status: HEALTH[at],
    load_balancing_weight: 3,
  }))
  return {
    admin: { address: address(ports.admin) },
    stats_config: {
      use_all_default_tags: false,
      stats_tags: [
        { tag_name: 'cluster_name', regex: '^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)' },
        { tag_name: 'envoy.tcp_prefix' },
        { tag_name: 'which_way', regex: '(upstream)_' },
        { tag_name: 'pod.name', fixed_value: 'p 1' },
      ],
      stats_matcher: {
        inclusion_list: {
          patterns: [
            { prefix: 'cluster.' },
            { prefix: 'tcp.' },
            { prefix: 'server.' },
            { safe_regex: { regex: '(listener|cluster)_manager\\.[a-z_]+' } },
          ],
        },
      },
      histogram_bucket_settings: [{ match: { suffix: 'cx_connect_ms' }, buckets: [100, 1, 10] }],
    },
    static_resources: {
      listeners: [
        {
          name: 'gate',
          address: address(ports.listener),
          filter_chains: [{ filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: tcpProxy }] }],
        },
      ],
      clusters: [
        {
          name: 'outbound|80||a.b.svc.cluster.local',
          type: 'STATIC',
          connect_timeout: '1s',
          circuit_breakers: { thresholds: [{ max_connections: 7, max_requests: 8 }] },
          load_assignment: { cluster_name: 'a', endpoints: [{ lb_endpoints: endpoints }] },
        },
      ],
    },
  }
}

async function startService(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end('bye'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

describe('the admin pages of Envoy and ours', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-admin-'))
  const services: Server[] = []
  let envoy: EnvoyProcess
  let meltemi: MeltemiProcess
  let theirs: Side
  let ours: Side

  before(async () => {
    for (const _ of HEALTH) services.push(await startService())
    const ports = services.map((service) => (service.address() as AddressInfo).port)
    theirs = new Side({ admin: await freePort(), listener: await freePort() })
    ours = new Side({ admin: await freePort(), listener: await freePort() })
    envoy = runEnvoy(bootstrap(theirs.ports, ports))
    const file = join(folder, 'proxy.json')
    writeFileSync(file, JSON.stringify(bootstrap(ours.ports, ports)))
    meltemi = new MeltemiProcess(['proxy', '-c', file])
    await Promise.all([theirs.ready(), ours.ready()])
    await Promise.all([theirs.talk(), ours.talk()])
  })

  after(async () => {
    await meltemi?.[Symbol.asyncDispose]()
    await envoy?.[Symbol.asyncDispose]()
    for (const service of services) service.close()
    rmSync(folder, { recursive: true })
  })

  test('/clusters has the same lines in the same order, and the same values but for chance', async () => {
    const [their, our] = [(await theirs.get('/clusters')).split('\n'), (await ours.get('/clusters')).split('\n')]
    const nameOf = (line: string) => line.replace(/::[^:]*$/, '')
    assert.deepEqual(our.map(nameOf), their.map(nameOf))
    const isFact = (line: string) => !/::[cr][xq]_\w+::/.test(line)
    assert.deepEqual(our.filter(isFact), their.filter(isFact))
    const connections = (lines: readonly string[]) =>
      lines.reduce((sum, line) => sum + Number(/::cx_total::(\d+)$/.exec(line)?.[1] ?? 0), 0)
    assert.equal(connections(our), connections(their))
  })

  test('/clusters says in text and in JSON the same of the health of an endpoint', async () => {
    const healthIn = async (side: Side) => {
      const flags = [...(await side.get('/clusters')).matchAll(/:(\d+)::health_flags::(.*)$/gm)]
      const { cluster_statuses: statuses } = JSON.parse(await side.get('/clusters?format=json'))
      const hosts: readonly Host[] = statuses[0].host_statuses
      const status = new Map(hosts.map((host) => [host.address.socket_address.port_value, host.health_status]))
      return flags.map(([, port, flag]) => ({ port, flag, status: status.get(Number(port)) }))
    }
    const [their, our] = [await healthIn(theirs), await healthIn(ours)]
    assert.deepEqual(our, their)
    assert.deepEqual(
      our.map(({ flag }) => flag),
      ['healthy', 'healthy', '/degraded_eds_health', '/failed_eds_health'],
    )
  })

  test('/clusters?format=json has the same fields, as far as Envoy prints them', async () => {
    const parse = (text: string) => JSON.parse(text).cluster_statuses[0] as Record<string, unknown>
    const [their, our] = [
      parse(await theirs.get('/clusters?format=json')),
      parse(await ours.get('/clusters?format=json')),
    ]
    for (const field of Object.keys(their)) assert.ok(field in our, field)
    const host = ({ host_statuses }: Record<string, unknown>) => (host_statuses as Record<string, unknown>[])[0] ?? {}
    for (const field of Object.keys(host(their))) assert.ok(field in host(our), field)
    for (const field of ['name', 'observability_name', 'circuit_breakers']) assert.deepEqual(our[field], their[field])
    const names = (side: Record<string, unknown>) =>
      (host(side)['stats'] as { name: string }[]).map(({ name }) => name).toSorted()
    assert.deepEqual(names(our), names(their))
  })

  test('a stat that both have is one series for Prometheus, with the same labels and buckets', async () => {
    const [their, our] = [await theirs.series(), await ours.series()]
    const familyOf = (series: string) => series.replace(/\{.*$/, '')
    const theirFamilies = new Set(their.map(familyOf))
    const both = our.filter((series) => theirFamilies.has(familyOf(series)))
    assert.ok(both.length > 40, String(both.length))
    assert.deepEqual(
      both.filter((series) => !their.includes(series)),
      [],
    )
    assert.ok(both.some((series) => series.includes('cluster_name="outbound|80||a.b.svc.cluster.local"')))
    assert.equal(both.filter((series) => series.includes('cx_connect_ms_bucket')).length, 4)
  })

  test('stats_matcher takes the same stats away', async () => {
    const [their, our] = [await theirs.stats(), await ours.stats()]
    assert.ok(![...their.keys(), ...our.keys()].some((name) => /^(?:listener|codec|overload)\./.test(name)))
  })

  test('the stats of managers and server are Envoy’s, and count the same', async () => {
    const [their, our] = [await theirs.stats(), await ours.stats()]
    const names = [...our.keys()].filter((name) => /^(?:server|\w+_manager)\.\w+$/.test(name) && !OWN_STATS.test(name))
    assert.ok(names.length > 20)
    assert.deepEqual(
      names.filter((name) => !their.has(name)),
      [],
    )
    const counted = names.filter((name) => /_manager\./.test(name) || /^server\.(?:live|state|concurrency)$/.test(name))
    const pick = (stats: ReadonlyMap<string, string>) => counted.map((name) => `${name}: ${stats.get(name)}`)
    assert.deepEqual(pick(our), pick(their))
  })

  test('/ready, /hot_restart_version, /listeners and /certs say the same', async () => {
    assert.equal(await ours.get('/ready'), await theirs.get('/ready'))
    const listeners = async (side: Side) => (await side.get('/listeners')).replace(String(side.ports.listener), 'port')
    assert.equal(await listeners(ours), await listeners(theirs))
    assert.deepEqual(JSON.parse(await ours.get('/certs')), JSON.parse(await theirs.get('/certs')))
    assert.match(await theirs.get('/hot_restart_version'), /^(?:disabled|[\d.]+)$/m)
    const health = async (side: Side, what: string) => {
      const headers = { 'content-type': 'application/json', connection: 'close' }
      const url = `http://127.0.0.1:${side.ports.admin}`
      await fetch(`${url}/healthcheck/${what}`, { method: 'POST', headers })
      const ready = await fetch(`${url}/ready`, { headers: { connection: 'close' } })
      return [ready.status, await ready.text()]
    }
    for (const what of ['fail', 'ok']) assert.deepEqual(await health(ours, what), await health(theirs, what))
  })
})
