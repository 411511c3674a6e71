import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseResources } from '@meltemi/api'
import type { CheckRequest } from '@meltemi/api/ext-authz'
import type { RateLimitRequest } from '@meltemi/api/rate-limit'
import { validateResources } from '@meltemi/control-plane'
import { ResponseStatus } from '@meltemi/sdk'
import { parse } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'
import { mutable, mutableFrame } from './harness/codecs/index.ts'
import { type GrpcPeer, OVER_LIMIT, startAuthzService, startLimitService } from './harness/grpc-peer.ts'
import { connectClient, startEchoServer, startProxyProcess } from './harness/index.ts'
import { askedFor } from './harness/limited.ts'

const MODULE = fileURLToPath(new URL('./harness/codecs/index.ts', import.meta.url))

function blocksOf(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8')
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = '']) => block)
}

/** What comes of a request to a proxy with these fields. */
async function ask(block: string, cluster: string, peer: GrpcPeer<unknown>): Promise<ResponseStatus> {
  await using service = await startEchoServer({ codec: mutable })
  const address = { socket_address: { address: '127.0.0.1', port_value: peer.port } }
  const load_assignment = { cluster_name: cluster, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
  await using proxy = await startProxyProcess({
    codec: mutable.name,
    endpoints: [service.port],
    filter: parse(block),
    clusters: [{ name: cluster, type: 'STATIC', load_assignment }],
    arguments: ['--module', MODULE, '--log-level', 'error'],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  return (await client.request(mutableFrame({ id: 1, pairs: { method: 'hello' } }))).status
}

test('the examples of docs/global-rate-limiting.md ask what they say', async () => {
  const [simple = '', combined = '', resource = ''] = blocksOf('global-rate-limiting.md')
  await using limits: GrpcPeer<RateLimitRequest> = await startLimitService(() => OVER_LIMIT)
  assert.equal(await ask(simple, 'ratelimit', limits), ResponseStatus.Error)
  assert.equal(await ask(combined, 'ratelimit', limits), ResponseStatus.Error)
  assert.deepEqual(limits.requests.map(askedFor), [
    ['method=hello'],
    ['service=greeter;method=hello;remote_address=127.0.0.1'],
  ])
  assert.deepEqual(
    limits.requests.map(({ domain }) => domain),
    ['production', 'production'],
  )
  const { resources, problems } = parseResources(resource, 'page.yaml')
  assert.deepEqual([...problems, ...validateResources(resources)], [])
})

test('the example of docs/ext-authz.md asks what it says', async () => {
  const [block = ''] = blocksOf('ext-authz.md')
  await using authz: GrpcPeer<CheckRequest> = await startAuthzService(() => ({ status: { code: 7 } }))
  assert.equal(await ask(block, 'authz', authz), ResponseStatus.Error)
  assert.deepEqual(authz.requests[0]?.attributes?.contextExtensions, { tenant: 'blue' })
  assert.equal(authz.requests[0]?.attributes?.request?.http?.headers['method'], 'hello')
})
