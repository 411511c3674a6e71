import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBootstrap } from '@meltemi/api'
import { thrift } from '@meltemi/codecs/thrift'
import { ROOT } from '../scripts/workspace.ts'
import { startService } from './harness/fleet.ts'
import { failing, isFailed, THRIFT } from './harness/four-protocols.ts'
import { connectClient, type EchoServer, startTestProxy } from './harness/index.ts'

const page = readFileSync(join(ROOT, 'docs/health.md'), 'utf8')

for (const yaml of page.split('```yaml\n').slice(1)) {
  const text = yaml.slice(0, yaml.indexOf('```'))
  const what = /outlier_detection|tcp_health_check|custom_health_check/.exec(text)?.[0] ?? ''

  test(`the example of ${what} loads, and a service that fails has no part in it`, async () => {
    const { config, problems } = parseBootstrap(text, 'health.md', { codecs: new Map([[thrift.name, thrift]]) })
    assert.deepEqual(problems, [])
    const [cluster] = config?.clusters ?? []
    assert.ok(cluster !== undefined)
    // the last one fails: each request, or before it can be asked
    const last = cluster.endpoints.length - 1
    const servers: EchoServer[] = []
    for (const at of cluster.endpoints.keys()) {
      const isIll = at === last && last > 0
      servers.push(await startService(THRIFT, isIll ? failing(THRIFT) : undefined))
    }
    if (what === 'tcp_health_check') await servers[last]?.close()
    const endpoints = cluster.endpoints.map((endpoint, at) => ({
      ...endpoint,
      address: { ...endpoint.address, port: servers[at]?.port ?? 0 },
    }))
    {
      await using proxy = await startTestProxy({ codec: thrift, clusters: [{ ...cluster, endpoints }] })
      await using client = await connectClient({ port: proxy.port, codec: thrift })
      let failed = 0
      for (let id = 1; id <= 20; id++) if (isFailed(await client.request(THRIFT.request(id)))) failed++
      assert.equal(failed, what === 'outlier_detection' ? 3 : 0)
      if (what === 'custom_health_check') assert.equal(servers[0]?.received[0]?.get('method'), 'ping')
    }
    for (const server of servers) await server.close()
  })
}

test('the page has an example of each', () => {
  assert.equal(page.split('```yaml\n').length - 1, 3)
})
