/** The configuration in docs/dubbo.md does what the page says. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBootstrap } from '@meltemi/api'
import { dubbo } from '@meltemi/codecs/dubbo'
import { ResponseStatus } from '@meltemi/sdk'
import { ROOT } from '../scripts/workspace.ts'
import { dubboReply, dubboRequest } from './harness/dubbo-frame.ts'
import { connectClient, startEchoServer, startTestProxy, testCluster } from './harness/index.ts'

const [, ROUTES = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/dubbo.md'), 'utf8')) ?? []
const BOOTSTRAP = `
static_resources:
  clusters: [{ name: shop-blue, type: STATIC }]
  listeners:
    - name: shop
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: aeraki.meta_protocol_proxy
              typed_config:
                "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
                stat_prefix: shop
                protocol: { name: dubbo, codec: { name: aeraki.meta_protocol.codec.dubbo } }
                route_config:
                  name: shop
${ROUTES.replaceAll(/^/gm, ' '.repeat(18))}
`

test('calls of the interface in group blue have a route, others have none', async () => {
  const { config, problems } = parseBootstrap(BOOTSTRAP, 'docs/dubbo.md', { codecs: new Map([[dubbo.name, dubbo]]) })
  assert.deepEqual(problems, [])
  const filter = config?.listeners[0]?.filter
  assert.equal(filter?.kind, 'meta-protocol')
  await using server = await startEchoServer({
    codec: dubbo,
    answer: ({ requestId }) => dubboReply({ id: Number(requestId), body: 'sold' }),
  })
  await using proxy = await startTestProxy({
    codec: dubbo,
    clusters: [testCluster('shop-blue', [server.port])],
    routes: filter.routes.routes,
  })
  await using client = await connectClient({ port: proxy.port, codec: dubbo })
  const statusOf = async (
    id: number,
    service: string,
    attachments: Record<string, string>,
  ): Promise<ResponseStatus> => {
    const { status } = await client.request(dubboRequest({ id, service, attachments }))
    return status
  }
  const shop = 'org.example.Shop'
  assert.equal(await statusOf(1, shop, { group: 'blue' }), ResponseStatus.Ok)
  assert.equal(await statusOf(2, shop, { group: 'red' }), ResponseStatus.Error)
  assert.equal(await statusOf(3, shop, {}), ResponseStatus.Error)
  assert.equal(await statusOf(4, 'org.example.Other', { interface: shop, group: 'blue' }), ResponseStatus.Error)
})
