import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ProxyConfig, parseBootstrap, parseResources, RETRY_CONDITIONS } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ROOT } from '../scripts/workspace.ts'
import { awesomerpcFrame, connectClient, silent, startEchoServer, startTestProxy } from './harness/index.ts'

const page = readFileSync(join(ROOT, 'docs/resilience.md'), 'utf8')
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)

function bootstrap(with_: string): ProxyConfig {
  const yaml = blocks.find((block) => block.includes(with_)) ?? ''
  const { config, problems } = parseBootstrap(yaml, 'resilience.md')
  assert.deepEqual(problems, [])
  assert.ok(config !== undefined)
  return config
}

/** The same, on other ports. */
function onPorts(config: ProxyConfig, ports: ReadonlyMap<number, number>): ProxyConfig {
  return {
    ...config,
    listeners: config.listeners.map((listener) => ({ ...listener, address: { ...listener.address, port: 0 } })),
    clusters: config.clusters.map((cluster) => ({
      ...cluster,
      endpoints: cluster.endpoints.map((endpoint) => {
        const { host, port } = endpoint.address
        return { ...endpoint, address: { host, port: ports.get(port) ?? port } }
      }),
    })),
  }
}

async function answersAll(config: ProxyConfig): Promise<void> {
  await using proxy = await startTestProxy({ codec: awesomerpc, config })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 10; id++) {
    const reply = await client.request(awesomerpcFrame({ id, body: `hello ${id}` }))
    assert.equal(reply.message.subarray(reply.headerSize).toString(), `hello ${id}`)
  }
  assert.ok(proxy.stat('upstream_rq_retry') > 0)
}

test('with the retries of the page every request is answered while one endpoint is gone', async () => {
  const gone = await startEchoServer({ codec: awesomerpc })
  await gone.close()
  await using there = await startEchoServer({ codec: awesomerpc })
  const ports = new Map([
    [9101, gone.port],
    [9102, there.port],
  ])
  await answersAll(onPorts(bootstrap('retry_budget'), ports))
})

test('with the hedging of the page every request is answered while one endpoint answers none', async () => {
  await using mute = await startEchoServer({ codec: awesomerpc, handler: silent })
  await using there = await startEchoServer({ codec: awesomerpc })
  const ports = new Map([
    [9101, mute.port],
    [9102, there.port],
  ])
  await answersAll(onPorts(bootstrap('hedge_policy'), ports))
})

test('the resources of the page are valid', () => {
  const yaml = blocks.find((block) => block.includes('kind: MetaRouter')) ?? ''
  const { resources, problems } = parseResources(yaml, 'resilience.md')
  assert.deepEqual([resources.length, problems], [1, []])
})

test('the page tells of every condition', () => {
  for (const condition of RETRY_CONDITIONS) assert.match(page, new RegExp(`^\\| .*\`${condition}\``, 'm'), condition)
})
