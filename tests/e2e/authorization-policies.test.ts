/** Policies as resources, through the control plane to a proxy, in every protocol. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResponseStatus } from '@meltemi/sdk'
import { stringify } from 'yaml'
import { assertDenied } from '../harness/authorized.ts'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  type EchoServer,
  FOUR_PROTOCOLS,
  freePort,
  MeltemiProcess,
  startEchoServer,
  type TestedProtocol,
} from '../harness/index.ts'

const CODECS = new URL('../harness/codecs/index.ts', import.meta.url).pathname
const UP = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
const FRIEND = '127.0.0.2'
const EFFECT_TIMEOUT_MS = 15_000

interface Service {
  readonly protocol: TestedProtocol
  readonly host: string
  readonly server: EchoServer
  readonly port: number
}

const folder = mkdtempSync(join(tmpdir(), 'meltemi-authz-'))
const services: Service[] = []
let up: MeltemiProcess
let apiUrl = ''
let shopPort = 0

function write(name: string, ...documents: readonly object[]): void {
  writeFileSync(join(folder, name), documents.map((each) => stringify(each)).join('---\n'))
}

function portName({ name }: TestedProtocol): string {
  return `tcp-metaprotocol-${name === 'third-party' ? 'mutable' : name}`
}

function entry({ protocol, host, server, port }: Service): object {
  const name = portName(protocol)
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: host.split('.')[0] },
    spec: {
      hosts: [host],
      ports: [{ number: port, name, protocol: 'TCP' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { [name]: server.port } }],
    },
  }
}

function policy(name: string, spec: object): object {
  return { apiVersion: 'metaprotocol.aeraki.io/v1alpha1', kind: 'MetaAuthorizationPolicy', metadata: { name }, spec }
}

/** Whether a request on a connection of its own is answered by the service. */
async function isAllowed({ protocol, port }: Service, value: string, localAddress?: string): Promise<boolean> {
  const from = localAddress === undefined ? {} : { localAddress }
  await using client = await connectClient({ port, codec: protocol.codec, ...from })
  const reply = await client.request(protocol.request(7, value))
  if (reply.status === ResponseStatus.Ok) return true
  assertDenied(protocol, reply)
  return false
}

/** Resolves when it is so; what is there before is in force until then. */
async function becomes(service: Service, value: string, expected: boolean, from?: string): Promise<void> {
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  while ((await isAllowed(service, value, from)) !== expected) {
    assert.ok(performance.now() < endMs, `${service.protocol.name} ${value} has not become ${expected}`)
    await sleep(20)
  }
}

before(async () => {
  const own = { metadata: { name: 'mutable' }, spec: { protocol: 'mutable', codec: 'meltemi.test.mutable' } }
  write('protocol.yaml', { apiVersion: 'metaprotocol.aeraki.io/v1alpha1', kind: 'ApplicationProtocol', ...own })
  for (const protocol of FOUR_PROTOCOLS) {
    const { codec, answer } = protocol
    const server = await startEchoServer({ codec, answer })
    const host = `${protocol.name}.default.svc.cluster.local`
    services.push({ protocol, host, server, port: await freePort() })
  }
  const thirdParty = services.at(-1) as Service
  const shop = { ...thirdParty, host: 'shop.default.svc.cluster.local', port: await freePort() }
  write('services.yaml', ...[...services, shop].map(entry))
  shopPort = shop.port
  const args = ['up', folder, ...UP, '--log-level', 'warn', '--module', CODECS]
  up = new MeltemiProcess(args, { env: { XDG_RUNTIME_DIR: folder } })
  const [, url = ''] = await up.said(/page and API (http:\/\/\S+?)\/? /)
  apiUrl = url
})

after(async () => {
  await up[Symbol.asyncDispose]()
  for (const { server } of services) await server.close()
  rmSync(folder, { recursive: true, force: true })
})

for (const [index, { name, property, otherValue: second }] of FOUR_PROTOCOLS.entries()) {
  test(`${name}: policies come into force, deny before they allow, and go again`, async () => {
    const service = services[index] as Service
    const [key, first] = property
    const hosts = [service.host]
    const asks = (exact: string) => ({ to: [{ operation: { attributes: { [key]: { exact } } } }] })
    await becomes(service, first, true)
    assert.equal(await isAllowed(service, second), true)
    write(`${name}.yaml`, policy(`${name}-allow`, { hosts, rules: [asks(first)] }))
    await becomes(service, second, false)
    assert.equal(await isAllowed(service, first), true)
    const friends = { from: [{ source: { ipBlocks: [FRIEND] } }] }
    const denied = policy(`${name}-deny`, { hosts, action: 'DENY', rules: [{ ...friends, ...asks(first) }] })
    write(`${name}.yaml`, policy(`${name}-allow`, { hosts, rules: [asks(first)] }), denied)
    await becomes(service, first, false, FRIEND)
    assert.equal(await isAllowed(service, first), true)
    rmSync(join(folder, `${name}.yaml`))
    await becomes(service, second, true)
    assert.equal(await isAllowed(service, first, FRIEND), true)
  })
}

describe('policies of Dubbo', () => {
  test('are for services that speak it, by interface and method', async () => {
    const dubbo = services.find(({ protocol }) => protocol.name === 'dubbo') as Service
    const thrift = services.find(({ protocol }) => protocol.name === 'thrift') as Service
    const operation = { interfaces: ['org.example.*'], notMethods: ['write'] }
    write('dap.yaml', {
      apiVersion: 'dubbo.aeraki.io/v1alpha1',
      kind: 'DubboAuthorizationPolicy',
      metadata: { name: 'guard' },
      spec: { rules: [{ to: [{ operation }] }] },
    })
    await becomes(dubbo, 'write', false)
    assert.equal(await isAllowed(dubbo, 'read'), true)
    assert.equal(await isAllowed(thrift, 'write'), true)
    rmSync(join(folder, 'dap.yaml'))
    await becomes(dubbo, 'write', true)
  })
})

test('a policy tells by its status what it cannot do here, and is listed by its kind', async () => {
  const host = (services[0] as Service).host
  write(
    'who.yaml',
    policy('who', { hosts: [host], dryRun: true, rules: [{ from: [{ source: { principals: ['*'] } }] }] }),
  )
  const url = `${apiUrl}/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metaauthorizationpolicies`
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  for (;;) {
    const text = await (await fetch(`${url}/who`)).text()
    if (text.includes('no client') || text.includes('without TLS')) break
    assert.ok(performance.now() < endMs, text)
    await sleep(50)
  }
  const { kind, items } = (await (await fetch(url)).json()) as { kind: string; items: readonly unknown[] }
  assert.deepEqual([kind, items.length], ['MetaAuthorizationPolicyList', 1])
  // it runs dry: nobody is denied
  assert.equal(await isAllowed(services[0] as Service, '1'), true)
})

test('the policy of docs/authorization.md decides as it says', async () => {
  const page = readFileSync(new URL('../../docs/authorization.md', import.meta.url), 'utf8')
  const [, yaml = '', text = ''] = /^```yaml\n(apiVersion: metaprotocol.*?)^```\n\n```\n(.*?)^```$/ms.exec(page) ?? []
  const lines = text.trim().split('\n')
  assert.equal(lines.length, 5)
  const decide = async (line: string): Promise<string> => {
    const pairs = Object.fromEntries(line.split(' ').map((pair) => pair.split('=')))
    await using client = await connectClient({ port: shopPort, codec: mutable })
    const { status } = await client.request(mutableFrame({ id: 1, pairs }))
    return status === ResponseStatus.Ok ? 'allowed' : 'denied'
  }
  writeFileSync(join(folder, 'shop.yaml'), yaml)
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  while ((await decide('method=none')) === 'allowed') assert.ok(performance.now() < endMs)
  for (const line of lines) {
    const [asked = '', expected] = line.split(': ')
    assert.equal(await decide(asked), expected, line)
  }
})
