import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LOG_OPERATORS } from '@meltemi/api'
import { TraceService } from '@meltemi/api/otlp'
import { grpcService, startGrpcServer } from '@meltemi/runtime/grpc'
import { parse } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'
import { mutable, mutableFrame } from './harness/codecs/index.ts'
import { connectClient, startEchoServer, startProxyProcess } from './harness/index.ts'

const MODULE = fileURLToPath(new URL('./harness/codecs/index.ts', import.meta.url))
const BLOCK = /^```(\w+)\n(.*?)^```$/gms
const folder = mkdtempSync(join(tmpdir(), 'meltemi-observation-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function blocksOf(page: string): readonly { readonly language: string; readonly text: string }[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8')
  return [...text.matchAll(BLOCK)].map(([, language = '', block = '']) => ({ language, text: block }))
}

interface Cluster {
  readonly name: string
}

/** Sends one request through a proxy with these fields, and returns what the proxy wrote to its standard output. */
async function ask(fields: object, clusters: readonly Cluster[] = []): Promise<string> {
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startProxyProcess({
    codec: mutable.name,
    endpoints: [server.port],
    filter: fields,
    clusters,
    arguments: ['--module', MODULE, '--drain-time-s', '5'],
  })
  {
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    await client.request(mutableFrame({ id: 1, pairs: { method: 'hello' }, body: 'body' }))
  }
  proxy.child.kill('SIGTERM')
  assert.equal(await proxy.exited(), 0, proxy.stderr)
  return proxy.stdout
}

/** The same but for its numbers. */
function patternOf(line: string): RegExp {
  return new RegExp(`^${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\d+/g, '\\d+')}$`)
}

describe('docs/access-log.md', () => {
  const blocks = blocksOf('access-log.md')
  const examples = blocks.flatMap(({ language, text }, at) =>
    language === 'yaml' ? [{ yaml: text, lines: blocks[at + 1]?.text ?? '' }] : [],
  )

  test('has examples', () => assert.equal(examples.length, 3))

  for (const [index, { yaml, lines }] of examples.entries()) {
    test(`example ${index + 1} writes what stands below it`, async () => {
      const stdout = await ask(parse(yaml.replaceAll('/var/log/', `${folder}/`)) as object)
      const file = /\/var\/log\/([\w.]+)/.exec(yaml)?.[1]
      assert.match(file === undefined ? stdout : readFileSync(join(folder, file), 'utf8'), patternOf(lines))
    })
  }

  test('says something of every operator that there is', () => {
    const page = readFileSync(join(ROOT, 'docs/access-log.md'), 'utf8')
    const isTold = (operator: string) =>
      page.includes(`\`${operator}\``) ||
      page.includes(`\`${operator}(`) ||
      page.includes(`\`${operator.replace(/_WITHOUT_PORT$/, '')}\``)
    assert.deepEqual(
      Object.keys(LOG_OPERATORS).filter((operator) => !isTold(operator)),
      [],
    )
  })
})

interface Collector extends AsyncDisposable {
  readonly port: number
  /** What came, as text in which names can be found. */
  readonly received: string[]
}

async function startHttpCollector(): Promise<Collector> {
  const received: string[] = []
  const server = createServer(async (request, reply) => {
    for await (const chunk of request) received.push(String(chunk))
    reply.writeHead(200).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function startGrpcCollector(): Promise<Collector> {
  const received: string[] = []
  const service = grpcService(TraceService, {
    export: async (request) => {
      received.push(...request.resourceSpans.map((bytes) => Buffer.from(bytes).toString()))
      return {}
    },
  })
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, services: [service] })
  return { port: server.port, received, [Symbol.asyncDispose]: () => server.close() }
}

describe('docs/tracing.md', () => {
  const examples = blocksOf('tracing.md').filter(({ language }) => language === 'yaml')

  test('has examples', () => assert.equal(examples.length, 3))

  for (const [index, { text }] of examples.entries()) {
    test(`example ${index + 1} sends spans`, async () => {
      await using collector = await (text.includes('grpc_service') ? startGrpcCollector() : startHttpCollector())
      const address = { socket_address: { address: '127.0.0.1', port_value: collector.port } }
      const load_assignment = { cluster_name: 'collector', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
      await ask(parse(text) as object, [{ name: 'collector', load_assignment } as Cluster])
      const all = collector.received.join('')
      for (const name of ['ingress', 'router service egress']) assert.ok(all.includes(name), `${name} in ${all}`)
    })
  }
})
