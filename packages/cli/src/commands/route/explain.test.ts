import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadBootstrap } from '@meltemi/api'
import { loadModules, startProxy } from '@meltemi/proxy'
import { builtInModule } from '../../modules.ts'
import { runMeltemi } from '../../run-meltemi.ts'
import { createRouteExplainCommand } from './explain.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-explain-'))
after(() => rmSync(folder, { recursive: true }))

const HOST = 'users.mesh.svc.cluster.local'
/** awesomerpc, id 42, cmd 1. */
const FRAME = ['00', '0000002a', '0000000f', '0001', '0000', '6869']
const FULL_FRAME = FRAME.join('')

const ROUTES = [
  {
    name: 'beta',
    match: { metadata: [{ name: 'user', string_match: { prefix: 'beta-' } }] },
    route: { cluster: 'v2' },
  },
  {
    name: 'split',
    match: { metadata: [{ name: 'cmd', string_match: { exact: '1' } }] },
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'v1', weight: 90 },
          { name: 'v2', weight: 10 },
        ],
      },
      hash_policy: ['cmd', 'user'],
      timeout: '0.25s',
      retry_policy: { retry_on: 'reset,non-idempotent', num_retries: 2, per_try_timeout: '0.1s' },
      hedge_policy: { initial_requests: 2 },
    },
  },
  { name: 'rest', match: { metadata: [{ name: 'cmd', present_match: true }] }, route: { cluster: 'v1' } },
]

function listener(statPrefix: string, name: string, routes: readonly object[] = ROUTES) {
  return {
    name: statPrefix,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'aeraki.meta_protocol_proxy',
            typed_config: {
              '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
              stat_prefix: statPrefix,
              protocol: { name: 'awesomerpc', codec: { name: 'aeraki.meta_protocol.codec.awesomerpc' } },
              route_config: { name, routes },
            },
          },
        ],
      },
    ],
  }
}

function cluster(name: string) {
  return { name, type: 'STATIC', connect_timeout: '1s', load_assignment: { cluster_name: name, endpoints: [] } }
}

function writeBootstrap(name: string, listeners: readonly object[]): string {
  const file = join(folder, name)
  const clusters = ['v1', 'v2'].map(cluster)
  writeFileSync(file, JSON.stringify({ static_resources: { listeners, clusters } }))
  return file
}

const ONE = writeBootstrap('one.json', [listener(`outbound|9090||${HOST}`, `${HOST}_9090`)])
const SEVERAL = writeBootstrap('several.json', [
  listener(`outbound|9090||${HOST}`, `${HOST}_9090`),
  listener(`outbound|9091||${HOST}`, `${HOST}_9091`, [{ route: { cluster: 'v2' } }]),
  listener('greeter', 'greeter'),
])

async function explain(...args: readonly string[]) {
  const said = { code: 0, out: '', errors: '' }
  const write = (part: string): void => {
    said.out += part
  }
  const writeError = (part: string): void => {
    said.errors += part
  }
  said.code = await runMeltemi(['route', 'explain', ...args], { write, writeError })
  return said
}

const WINS = `service   ${HOST} port 9090
table     ${HOST}_9090, 3 routes
request   cmd=1

route #2 split wins
  cluster   v1 90 %
            v2 10 %
  hash      cmd is "1"
            user is not there, and does not count
            hash b7b41276360564d4
  timeout   250 ms
  retries   2 after reset, non-idempotent
            each try has 100 ms
            2 tries at once
route #1 beta does not match: user is not there, wanted is one that begins with "beta-"
route #3 rest matches too, but stands behind #2 split
`

test('a request with these properties: the route that wins, what it does, and why each other one lost', async () => {
  assert.deepEqual(await explain('-c', ONE, '--host', HOST, '--meta', 'cmd=1'), { code: 0, out: WINS, errors: '' })
})

test('a request with these bytes is read by the codec of the listener', async () => {
  const { out, code } = await explain('-c', ONE, '--hex', ...FRAME)
  assert.deepEqual([code, out], [0, WINS])
  const named = await explain('-c', ONE, '--codec', 'awesomerpc', '--hex', FULL_FRAME)
  assert.equal(named.out, WINS)
})

test('properties that filters would add stand beside the bytes', async () => {
  const { out } = await explain('-c', ONE, '--meta', 'user=beta-7', '--hex', FULL_FRAME)
  assert.match(out, /^request +cmd=1 user=beta-7$/m)
  assert.match(out, /^route #1 beta wins$/m)
  assert.match(out, /^route #2 split matches too, but stands behind #1 beta$/m)
})

test('a request without a route has exit code 1, and each route says why it lost', async () => {
  const { code, out, errors } = await explain('-c', ONE, '--meta', 'user=carol=x')
  assert.equal(code, 1)
  assert.equal(errors, '')
  assert.match(out, /^no route matches: the client is told "no matched route"$/m)
  assert.match(out, /^route #1 beta does not match: user is "carol=x", wanted is one that begins with "beta-"$/m)
  assert.match(out, /^route #3 rest does not match: cmd is not there, wanted is any value$/m)
})

test('-o json has the same for programs', async () => {
  const { out } = await explain('-c', ONE, '--meta', 'cmd=1', '--meta', '__proto__=x', '-o', 'json')
  const json = JSON.parse(out)
  assert.deepEqual(json.service, { host: HOST, port: 9090 })
  assert.deepEqual(Object.entries(json.request), [
    ['cmd', '1'],
    ['__proto__', 'x'],
  ])
  assert.equal(json.winner, 1)
  assert.deepEqual(json.effect.clusters, [
    { cluster: 'v1', percent: 90 },
    { cluster: 'v2', percent: 10 },
  ])
  assert.deepEqual(
    json.routes.map((route: { name: string; loss?: { kind: string } }) => [route.name, route.loss?.kind]),
    [
      ['beta', 'mismatch'],
      ['split', undefined],
      ['rest', 'later'],
    ],
  )
})

test('of several services one is chosen by host and port, or by the name of its listener', async () => {
  const other = await explain('-c', SEVERAL, '--host', HOST, '--port', '9091', '--meta', 'a=1')
  assert.match(other.out, /^route #1 wins\n {2}cluster +v2 100 %\n {2}timeout +15000 ms, of the listener$/m)
  const named = await explain('-c', SEVERAL, '--host', 'greeter', '--meta', 'cmd=1')
  assert.match(named.out, /^service +greeter port 0$/m)
})

const FAULTS: readonly (readonly [args: readonly string[], error: string])[] = [
  [['-c', ONE], 'say what the request is: its bytes by --hex, or its properties by --meta'],
  [
    ['-c', SEVERAL, '--host', HOST, '--meta', 'a=1'],
    `several tables, choose one by --host and --port: ${HOST} port 9090, ${HOST} port 9091`,
  ],
  [['-c', ONE, '--host', 'nobody', '--meta', 'a=1'], `no routes for nobody; there are ${HOST} port 9090`],
  [['-c', ONE, '--port', '1', '--meta', 'a=1'], `no routes for port 1; there are ${HOST} port 9090`],
  [['-c', writeBootstrap('none.json', []), '--meta', 'a=1'], 'no routes for any service; there are none at all'],
  [['-c', ONE, '--meta', '=1'], '--meta "=1" should be key=value'],
  [['-c', ONE, '--hex', 'xy'], '--hex: "x" is no hexadecimal digit'],
  [['-c', ONE, '--hex', FULL_FRAME.slice(0, 20)], '--hex: 10 bytes of a message without its end'],
  [['-c', ONE, '--hex', `${FULL_FRAME}00`], '--hex: 1 bytes follow the first message'],
  [
    ['-c', ONE, '--hex', '00000000010000000100010000'],
    '--hex: aeraki.meta_protocol.codec.awesomerpc: pack_len 1 is below 13',
  ],
  [['-c', ONE, '--codec', 'nothing', '--meta', 'a=1', '--hex', '00'], '/nothing: module does not exist'],
  [['--admin-address', '127.0.0.1:1', '--meta', 'a=1'], 'no proxy answers at http://127.0.0.1:1/config_dump'],
]

test('what cannot be done is one line each, with exit code 1', async () => {
  for (const [args, error] of FAULTS) {
    const { code, out, errors } = await explain(...args)
    assert.deepEqual([code, out], [1, ''], error)
    assert.ok(errors.startsWith('error: ') && errors.includes(error), errors)
    assert.equal(errors.split('\n').length, 2)
  }
})

test('the routes of a running proxy are those that it has', async () => {
  const { config, bootstrap } = loadBootstrap(SEVERAL)
  assert.ok(config !== undefined)
  const proxy = await startProxy({
    config,
    bootstrap,
    modules: (await loadModules([builtInModule])).modules.map(({ version }) => version),
    watchModules: false,
    concurrency: 0,
    adminAddress: { host: '127.0.0.1', port: 0 },
    drainTimeS: 0,
    logLevel: 'off',
    memoryLimitBytes: undefined,
  })
  try {
    const { host, port } = proxy.adminAddress
    const args = ['--admin-address', `${host}:${port}`, '--host', HOST, '--port', '9090']
    assert.deepEqual(await explain(...args, '--hex', FULL_FRAME), { code: 0, out: WINS, errors: '' })
  } finally {
    await proxy.stop()
  }
})

test('--help has every option, examples and exit codes', async () => {
  const { code, out } = await explain('--help')
  assert.equal(code, 0)
  const silent = { write: () => {}, writeError: () => {} }
  for (const option of createRouteExplainCommand(silent, { exitCode: 0 }).options) {
    assert.ok(out.includes(option.long as string), option.flags)
    assert.ok(option.description.length > 3, option.flags)
  }
  for (const part of ['$ meltemi route explain', 'Exit code: 0']) assert.ok(out.includes(part), part)
})
