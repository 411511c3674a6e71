import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runMeltemi } from '@meltemi/cli'
import type { CodecDefinition, Metadata } from '@meltemi/sdk'
import {
  checksummed,
  checksummedFrame,
  type OptionedOptions,
  optioned,
  optionedFrame,
  ordered,
  uuid,
  uuidFrame,
} from '../harness/codecs/index.ts'
import { connectClient, outOfOrder, startEchoServer, startProxyProcess } from '../harness/index.ts'

const MODULE = fileURLToPath(new URL('../harness/codecs/index.ts', import.meta.url))
const ARGUMENTS = ['--module', MODULE, '--log-level', 'error', '--concurrency', '0']

const folder = mkdtempSync(join(tmpdir(), 'meltemi-options-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A bootstrap file in YAML: what `protocol.codec` says, and what is in the one route, each on a line of its own. */
function bootstrap(codec: string, route = 'route: { cluster: service }'): string {
  return `static_resources:
  listeners:
  - name: main
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: meta
        typed_config:
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: test
          protocol:
            name: test
            multiplexing: true
            codec:
              ${codec}
          route_config:
            name: routes
            routes:
            - name: all
              ${route}
  clusters:
  - name: service
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: service
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } } }] }]
`
}

async function validate(yaml: string, module = MODULE): Promise<{ code: number; lines: readonly string[] }> {
  writeFileSync(join(folder, 'proxy.yaml'), yaml)
  let errors = ''
  const code = await runMeltemi(['proxy', '-c', join(folder, 'proxy.yaml'), '--mode', 'validate', '--module', module], {
    write: () => {},
    writeError: (text) => {
      errors += text
    },
  })
  return {
    code,
    lines: errors
      .replaceAll(`${folder}/`, '')
      .split('\n')
      .filter((line) => line !== ''),
  }
}

const withOptions = (options: string) =>
  `{ name: meltemi.test.optioned, config: { "@type": type.googleapis.com/test.Optioned, ${options} } }`

test('a codec gets its options from the bootstrap file, for clients and for services', async () => {
  const options: OptionedOptions = { lengthBytes: 2, byteOrder: 'little' }
  await using server = await startEchoServer({ codec: optioned, config: options, handler: outOfOrder(2) })
  const config = { '@type': 'type.googleapis.com/test.Optioned', ...options }
  await using proxy = await startProxyProcess({
    codec: optioned.name,
    endpoints: [server.port],
    filter: { protocol: { name: 'test', multiplexing: true, codec: { name: optioned.name, config } } },
    arguments: ARGUMENTS,
  })
  await using a = await connectClient({ port: proxy.port, codec: optioned, config: options })
  await using b = await connectClient({ port: proxy.port, codec: optioned, config: options })
  const replies = await Promise.all([
    a.request(optionedFrame({ id: 7, body: 'a' }, options)),
    b.request(optionedFrame({ id: 7, body: 'b' }, options)),
  ])
  assert.deepEqual(replies.map(answerOf), ['7 a', '7 b'])
  assert.deepEqual([server.connections.length, server.problems.length], [1, 0])
})

function answerOf(reply: Metadata): string {
  return `${reply.requestId} ${reply.get('body')}`
}

const text = Buffer.from('what one says')
const SIMPLE: readonly { codec: CodecDefinition; frame: (id: number) => Buffer }[] = [
  { codec: uuid, frame: (id) => uuidFrame({ id: (BigInt(id) << 120n) + 5n, body: text }) },
  { codec: checksummed, frame: (id) => checksummedFrame({ id, body: text }) },
  { codec: ordered, frame: (id) => Buffer.from(`SET k${id} $${text.length}\r\n${text}\r\n`) },
]

describe('a codec of a module serves many clients over one connection to the service:', () => {
  for (const { codec, frame } of SIMPLE) {
    test(codec.name, async () => {
      await using server = await startEchoServer({ codec })
      await using proxy = await startProxyProcess({
        codec: codec.name,
        endpoints: [server.port],
        arguments: ARGUMENTS,
      })
      const clients = await Promise.all([1, 2, 3].map(() => connectClient({ port: proxy.port, codec })))
      for (let id = 1; id <= 20; id++) for (const client of clients) client.send(frame(id))
      for (const client of clients) {
        const replies = await client.take(20)
        const sent = Array.from({ length: 20 }, (_, n) => frame(n + 1))
        if (codec === ordered) {
          assert.deepEqual(
            replies.map(({ message }) => String(message)),
            sent.map((_, n) => `$${`k${n + 1}`.length}\r\nk${n + 1}\r\n`),
          )
        } else {
          const order = (a: Buffer, b: Buffer) => a.compare(b)
          assert.deepEqual(replies.map(({ message }) => message).toSorted(order), sent.toSorted(order))
        }
        await client.close()
      }
      assert.deepEqual([server.received.length, server.connections.length, server.problems.length], [60, 1, 0])
    })
  }
})

test('options that a codec takes are valid, and so are none', async () => {
  for (const codec of [
    withOptions('lengthBytes: 1'),
    withOptions('byteOrder: little'),
    '{ name: meltemi.test.uuid }',
  ]) {
    assert.deepEqual(await validate(bootstrap(codec)), { code: 0, lines: [] })
  }
})

test('options that a codec refuses are reported with file, line and path', async () => {
  const expected: readonly [string, RegExp][] = [
    ['lengthBytes: 3', /lengthBytes: expected 1 or 2 or 4, got 3$/],
    ['byteOrder: middle', /byteOrder: expected big or little, got "middle"$/],
    ['width: 2', /width: there is no such option$/],
  ]
  for (const [options, reason] of expected) {
    const yaml = bootstrap(withOptions(options))
    const line = yaml.split('\n').findIndex((each) => each.includes(options)) + 1
    const { code, lines } = await validate(yaml)
    assert.equal(code, 1)
    assert.equal(lines.length, 1, lines.join('\n'))
    assert.match(lines[0] as string, new RegExp(`^error: proxy\\.yaml:${line}:\\d+: \\S+\\.codec\\.config: `))
    assert.match(lines[0] as string, reason)
  }
})

test('options for a codec that has none are refused', async () => {
  const codec = '{ name: meltemi.test.uuid, config: { "@type": type.googleapis.com/test.Uuid, wide: true } }'
  const { code, lines } = await validate(bootstrap(codec))
  assert.equal(code, 1)
  assert.match(lines.join('\n'), /^error: proxy\.yaml:15:\d+: \S+\.codec\.config: this codec takes no options$/)
})

test('a codec written for another contract is refused', async () => {
  const module = join(folder, 'contract-2.ts')
  writeFileSync(module, "export const codecs = [{ name: 'x', contract: 2, correlation: 'id', create: () => ({}) }]\n")
  const { code, lines } = await validate(bootstrap('{ name: x }'), module)
  assert.equal(code, 1)
  assert.deepEqual(lines, [
    "error: contract-2.ts: codecs[0]: codec 'x' is written for contract 2, this proxy speaks contract 1: upgrade the proxy, or build the codec with @meltemi/sdk 0.1",
  ])
})

test('a mutation that the codec cannot do is refused at load, for requests and for responses', async () => {
  for (const field of ['request_mutation', 'response_mutation']) {
    const mutation = `${field}: [{ key: a, value: b }]\n              route: { cluster: service }`
    const yaml = bootstrap('{ name: meltemi.test.uuid }', mutation)
    const line = yaml.split('\n').findIndex((each) => each.includes(field)) + 1
    const { code, lines } = await validate(yaml)
    assert.equal(code, 1)
    assert.equal(lines.length, 1, lines.join('\n'))
    const what = field === 'request_mutation' ? 'requests' : 'responses'
    const reason = `codec meltemi\\.test\\.uuid cannot change ${what}$`
    assert.match(lines[0] as string, new RegExp(`^error: proxy\\.yaml:${line}:\\d+: \\S+\\.${field}: ${reason}`))
    assert.deepEqual(await validate(bootstrap('{ name: meltemi.test.mutable }', mutation)), { code: 0, lines: [] })
  }
})

test('a filter of a module checks its configuration when it is loaded: faults have file, line and path', async () => {
  const module = fileURLToPath(new URL('../harness/filters/stamp.ts', import.meta.url))
  const withFilter = (config: string) =>
    bootstrap('{ name: meltemi.test.mutable }').replace(
      / +route_config:/,
      `          meta_protocol_filters:
          - name: test.stamp
            config:
              "@type": type.googleapis.com/test.Stamp
              ${config}
          route_config:`,
    )
  assert.deepEqual(await validate(withFilter('key: a\n              value: b'), module), {
    code: 0,
    lines: [],
  })
  const { code, lines } = await validate(withFilter('key: a'), module)
  assert.equal(code, 1)
  const path = '\\S+\\.meta_protocol_filters\\[0\\]\\.config\\.value'
  assert.match(lines.join(), new RegExp(`^error: proxy\\.yaml:\\d+:\\d+: ${path}: expected a text, got undefined$`))
})
