/** A sandwiched waypoint: a real Envoy hands connections over as ztunnel does, with a PROXY header that says whose they are. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Metadata, ResponseStatus } from '@meltemi/sdk'
import { assertDenied } from '../../harness/authorized.ts'
import {
  connectClient,
  type EchoServer,
  freePort,
  MeltemiProcess,
  startEchoServer,
  THRIFT,
} from '../../harness/index.ts'
import { type EnvoyProcess, runEnvoy } from '../xds/envoy-process.ts'
import { envoyBootstrap, proxyHeaderSocket, staticCluster, tcpListener } from './envoy-parts.ts'
import { packetPath } from './packet-path.ts'

const { codec, answer, request } = THRIFT
/** As in the rule of the page. */
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const JOB = 'spiffe://cluster.local/ns/shop/sa/job'
/** What clients connect to, and where a client connects from: both are said by the PROXY header alone. */
const SERVICE = '127.0.0.77'
const CLIENT = '127.0.0.78'
const WAIT_MS = 20_000
const IDENTITY_TLV = 0xd0

/** One listener of ztunnel: all its clients have this identity; undefined: none. */
interface Tunnel {
  readonly port: number
  readonly identity: string | undefined
  readonly waypointPort: number
}

function ztunnel(tunnels: readonly Tunnel[]): object {
  return envoyBootstrap({
    listeners: tunnels.map(({ port }) => tcpListener(port, `waypoint-${port}`, { address: SERVICE })),
    clusters: tunnels.map(({ port, identity, waypointPort }) => {
      const value = Buffer.from(identity ?? '').toString('base64')
      const added_tlvs = identity === undefined ? [] : [{ type: IDENTITY_TLV, value }]
      return staticCluster(`waypoint-${port}`, waypointPort, proxyHeaderSocket({ added_tlvs }))
    }),
  })
}

describe('a sandwiched waypoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-waypoint-'))
  const stack = new AsyncDisposableStack()
  let server: EchoServer
  let proxy: MeltemiProcess
  let envoy: EnvoyProcess
  const ports = { web: 0, job: 0, nobody: 0, elsewhere: 0, waypoint: 0, careful: 0, admin: 0 }

  before(async () => {
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
    server = stack.use(await startEchoServer({ codec, answer }))
    proxy = start('waypoint.yaml', { 'port_value: 15088': `port_value: ${ports.waypoint}` }, ports.admin)
    stack.use(proxy)
    const waypointPort = ports.waypoint
    envoy = stack.use(
      runEnvoy(
        ztunnel([
          { port: ports.web, identity: WEB, waypointPort },
          { port: ports.job, identity: JOB, waypointPort },
          { port: ports.nobody, identity: undefined, waypointPort },
          { port: ports.elsewhere, identity: WEB, waypointPort: ports.careful },
        ]),
      ),
    )
    await proxy.said(/"msg":"listening"/)
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The proxy of the page, with these changes. */
  function start(name: string, changes: Readonly<Record<string, string>>, adminPort = 0): MeltemiProcess {
    const file = join(folder, name)
    const text = packetPath('waypoint.yaml', {
      '{ address: 10.96.0.10, port_value: 9090 }': `{ address: 127.0.0.1, port_value: ${server.port} }`,
      'exact_match: 10.96.0.10': `exact_match: ${SERVICE}`,
      ...changes,
    })
    writeFileSync(file, text)
    return new MeltemiProcess(['proxy', '-c', file, '--admin-address', `127.0.0.1:${adminPort}`])
  }

  /** Until Envoy serves. */
  async function ask(port: number): Promise<Metadata> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      try {
        await using client = await connectClient({ port, host: SERVICE, localAddress: CLIENT, codec })
        return await client.request(request(7))
      } catch (error: unknown) {
        if (!envoy.isRunning || performance.now() > endMs) throw new Error(envoy.log(), { cause: error })
      }
      await sleep(50)
    }
  }

  async function stat(ending: string): Promise<number> {
    const reply = await fetch(`http://127.0.0.1:${ports.admin}/stats`, { headers: { connection: 'close' } })
    const line = (await reply.text()).split('\n').find((each) => each.includes(`${ending}: `))
    return Number(line?.slice(line.lastIndexOf(' ') + 1) ?? 0)
  }

  test('ztunnel says who a client is: one is served, another is denied in its protocol', async () => {
    assert.equal((await ask(ports.web)).status, ResponseStatus.Ok)
    assertDenied(THRIFT, await ask(ports.job))
    assertDenied(THRIFT, await ask(ports.nobody))
    assert.equal(server.received.length, 1)
    await proxy.said(new RegExp(`${WEB} at ${CLIENT} -\n`))
    await proxy.said(new RegExp(`${JOB} at ${CLIENT} UAEX\n`))
    await proxy.said(new RegExp(`- at ${CLIENT} UAEX\n`))
  })

  test('who comes past ztunnel, without a PROXY header, is closed and counted', async () => {
    const before = await stat('downstream_cx_proxy_proto_error')
    await using client = await connectClient({ port: ports.waypoint, codec })
    await assert.rejects(client.request(request(7)))
    assert.equal(await stat('downstream_cx_proxy_proto_error'), before + 1)
  })

  test('a listener that no rule tells to believe it takes no identity from the header', async () => {
    const rule =
      '            rules: [{ tlv_type: 208, on_tlv_present: { metadata_namespace: meltemi.client, key: principal } }]\n'
    await using careful = start('careful.yaml', { 'port_value: 15088': `port_value: ${ports.careful}`, [rule]: '' })
    await careful.said(/"msg":"listening"/)
    assertDenied(THRIFT, await ask(ports.elsewhere))
    await careful.said(new RegExp(`- at ${CLIENT} UAEX\n`))
  })
})
