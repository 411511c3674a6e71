import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { LIMIT_OK, OVER_LIMIT, startLimitService } from '../harness/grpc-peer.ts'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  GREETER_HOST,
  MeltemiProcess,
  MeshFolder,
  startEchoServer,
} from '../harness/index.ts'

const UP = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
const LIMITS = 'limits.default.svc.cluster.local'

/** The service has another port than its workload, so that a proxy beside it can listen there. */
function limits(port: number, workload: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: limits }
spec:
  hosts: [${LIMITS}]
  ports: [{ number: ${port}, name: tcp-rls, protocol: TCP, targetPort: ${workload} }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1 }]
`
}

function router(port: number): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter }
spec:
  hosts: [${GREETER_HOST}]
  globalRateLimit:
    match: { attributes: { cmd: { exact: '2' } } }
    domain: greeter
    requestTimeout: 5s
    denyOnFail: true
    rateLimitService: outbound|${port}||${LIMITS}
    descriptors: [{ property: cmd, descriptorKey: command }]
`
}

test('a MetaRouter has proxies ask the rate limit service that it names, which no route leads to', async () => {
  const [port, limitsPort] = [await freePort(), await freePort()]
  await using service = await startEchoServer({ codec: awesomerpc })
  await using peer = await startLimitService((request) => (request.domain === 'greeter' ? OVER_LIMIT : LIMIT_OK))
  using folder = new MeshFolder({ port, versions: { v1: service.port } })
  folder.write('limits.yaml', limits(limitsPort, peer.port))
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...UP, '--log-level', 'warn'], { env })
  await up.said(/^ready: /m)
  // a connection goes on with the filters that it began with
  const ask = async (id: number, cmd: number) => {
    await using client = await connectClient({ port, codec: awesomerpc })
    return (await client.request(awesomerpcFrame({ id, cmd }))).status
  }
  assert.equal(await ask(1, 2), ResponseStatus.Ok)
  folder.write('router.yaml', router(limitsPort))
  const endMs = performance.now() + 10_000
  for (let id = 2; (await ask(id, 2)) === ResponseStatus.Ok; id++) {
    assert.ok(performance.now() < endMs, `nothing is limited: ${up.errors}`)
    await sleep(20)
  }
  assert.equal(await ask(1_000_000, 1), ResponseStatus.Ok, 'what does not match passes')
  const [asked] = peer.requests
  assert.deepEqual(
    asked?.descriptors.map(({ entries }) => entries.map(({ key, value }) => [key, value])),
    [[['command', '2']]],
  )
})
