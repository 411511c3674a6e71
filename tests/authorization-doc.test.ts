import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatProblem, parseResources } from '@meltemi/api'
import { analyze, validateResources } from '@meltemi/control-plane'
import { ResponseStatus } from '@meltemi/sdk'
import { parse } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'
import { rbacFilter, startAuthorizedProxy } from './harness/authorized.ts'
import { mutable, mutableFrame } from './harness/codecs/index.ts'
import { connectClient, startEchoServer } from './harness/index.ts'

const page = readFileSync(join(ROOT, 'docs/authorization.md'), 'utf8')
const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
  language,
  text,
}))

interface Example {
  readonly yaml: string
  /** `method=get user=bob: allowed` */
  readonly lines: readonly string[]
}

const examples: readonly Example[] = blocks.flatMap(({ language, text }, at) => {
  const next = blocks[at + 1]
  if (language !== 'yaml') return []
  return [{ yaml: text, lines: next?.language === '' ? next.text.trim().split('\n') : [] }]
})

async function check(filters: Parameters<typeof startAuthorizedProxy>[0], lines: readonly string[]): Promise<void> {
  assert.ok(lines.length > 0)
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startAuthorizedProxy(filters, { codec: mutable, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  for (const [n, line] of lines.entries()) {
    const [asked = '', expected] = line.split(': ')
    const pairs = Object.fromEntries(asked.split(' ').map((pair) => pair.split('=')))
    const { status } = await client.request(mutableFrame({ id: n, pairs }))
    assert.equal(status === ResponseStatus.Ok ? 'allowed' : 'denied', expected, line)
  }
}

test('filters of docs/authorization.md decide as it says', async () => {
  const own = examples.filter(({ yaml }) => yaml.startsWith('- name'))
  assert.equal(own.length, 2)
  for (const { yaml, lines } of own) {
    const entries = parse(yaml) as readonly { readonly config: Readonly<Record<string, unknown>> }[]
    const filters = entries.map(({ config: { '@type': type, ...rbac } }) => {
      assert.equal(type, 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC')
      return rbacFilter(rbac)
    })
    await check(filters, lines)
  }
})

/** What the first of them decides is tried in tests/e2e/authorization-policies.test.ts. */
test('resources of docs/authorization.md are valid, and fit together with their services', () => {
  const own = examples.filter(({ yaml }) => yaml.startsWith('apiVersion')).map(({ yaml }) => yaml)
  assert.equal(own.length, 2)
  const { resources, problems } = parseResources([service('dubbo', 9090), ...own].join('---\n'), 'page.yaml')
  const options = { domain: 'cluster.local', listenHost: '127.0.0.1' }
  const codec = 'aeraki.meta_protocol.codec.dubbo'
  const codecs = { codecs: [codec], defaultProtocols: [{ protocol: 'dubbo', codec }] }
  const all = [...problems, ...validateResources(resources), ...analyze(resources, { ...options, ...codecs })]
  assert.deepEqual(all.map(formatProblem), [])
})

function service(protocol: string, port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop }
spec:
  hosts: [shop.default.svc.cluster.local]
  ports: [{ number: ${port}, name: tcp-metaprotocol-${protocol} }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`
}
