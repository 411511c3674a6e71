import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseRedisTarget, RulesError, startRateLimitServer } from '@meltemi/ratelimit'
import { createLogger } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { ROOT } from '../scripts/workspace.ts'
import { freePort, RateLimitClient, runCommand } from './harness/index.ts'

const PAGE = readFileSync(join(ROOT, 'docs/ratelimit-server.md'), 'utf8')
const [, RULES = ''] = /```yaml\n(domain: shop\n[\s\S]*?)```/.exec(PAGE) ?? []
const LOCAL = { host: '127.0.0.1', port: 0 }
const logger = createLogger({ level: 'off' })

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'meltemi-rules-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('the rules of docs/ratelimit-server.md answer as the table below them says', async () => {
  const rows = [...PAGE.matchAll(/^\| (\d+) × `([^`]+)` \| ([^|]+) \|$/gm)]
  assert.equal(rows.length, 9)
  const rulesPath = write('shop.yaml', RULES)
  // its time stands still, so that no minute ends meanwhile
  const server = await startRateLimitServer({ rulesPath, grpc: LOCAL, admin: LOCAL, logger, clock: new FakeClock() })
  using client = new RateLimitClient(server.grpcPort)
  for (const [, count, descriptor = '', answers = ''] of rows) {
    const pairs = descriptor.split(', ').map((pair) => pair.split('='))
    const expected = [...answers.matchAll(/(\d+) × (\w+)/g)].flatMap(([, times, code]) =>
      Array(Number(times)).fill(code),
    )
    for (const [index, code] of expected.entries()) {
      const isAllowed = await client.allows('shop', Object.fromEntries(pairs))
      assert.equal(isAllowed ? 'OK' : 'OVER_LIMIT', code, `${descriptor}, request ${index + 1}`)
    }
    assert.equal(expected.length, Number(count), descriptor)
  }
  await server.close()
})

test('docs/ratelimit-server.md shows a fault as it is told', async () => {
  const path = write('fault.yaml', RULES.replace('unit: minute', 'unit: eon'))
  const [, place, message] = /^limits\/shop\.yaml(:\S+) (.+)$/m.exec(PAGE) ?? []
  await assert.rejects(
    startRateLimitServer({ rulesPath: path, grpc: LOCAL, admin: LOCAL, logger }),
    (error) => error instanceof RulesError && error.lines.join() === `${path}:6:13: ${message}` && place === ':6:13:',
  )
})

test('docs/ratelimit-server.md lists every field, and no other', async () => {
  const table = PAGE.slice(PAGE.indexOf('| field |'), PAGE.indexOf('A window begins'))
  const named = [...table.matchAll(/^\| `([\w.]+)`/gm)].map(([, name = '']) => name)
  const path = write(
    'unknown.yaml',
    'domain: a\ndescriptors:\n  - {key: a, x: 1, rate_limit: {x: 1, unlimited: true}}\n',
  )
  const error = await startRateLimitServer({ rulesPath: path, grpc: LOCAL, admin: LOCAL, logger }).catch(
    (reason) => reason,
  )
  assert.ok(error instanceof RulesError)
  const [first = '', second = ''] = [...error.message.matchAll(/expected one of ([\w, ]+)/g)].map(
    ([, names = '']) => names,
  )
  const [descriptor, limit] = first.includes('key') ? [first, second] : [second, first]
  const fields = [
    ...descriptor.split(', ').filter((name) => name !== 'rate_limit'),
    ...limit.split(', ').map((name) => `rate_limit.${name}`),
  ]
  assert.deepEqual(named.toSorted(), fields.toSorted())
})

test('docs/ratelimit-server.md lists every stat, with its kind, and no other', async () => {
  const documented = [...PAGE.matchAll(/^\| `([\w.<>]+)` \| (counter|gauge|histogram) \| [^|]{3,} \|$/gm)]
  const target = parseRedisTarget('single', `127.0.0.1:${await freePort()}`)
  const redis = { client: { target, timeoutMs: 100 }, failureMode: 'memory', overLimitCacheKeys: 1 } as const
  const rulesPath = write(
    'a.yaml',
    'domain: <key>\ndescriptors: [{key: user, rate_limit: {unit: day, requests_per_unit: 1}}]',
  )
  const server = await startRateLimitServer({ rulesPath, grpc: LOCAL, admin: LOCAL, logger, redis })
  using client = new RateLimitClient(server.grpcPort)
  await client.allows('<key>', { user: 'ann' })
  await client.allows('<domain>', { user: 'ann' })
  const reply = await fetch(`http://127.0.0.1:${server.adminPort}/stats`, { headers: { connection: 'close' } })
  const registered = [...(await reply.text()).matchAll(/^(\S+): /gm)].map(([, name = '']) =>
    name.replace('<key>.user', '<key>'),
  )
  await server.close()
  assert.deepEqual(documented.map(([, name]) => name).toSorted(), registered.toSorted())
  for (const [, name = '', kind] of documented) {
    const isGauge = /\.(?:keys|connected)$/.test(name)
    assert.equal(kind, name.endsWith('time') ? 'histogram' : isGauge ? 'gauge' : 'counter', name)
  }
})

test('every option and address that docs/ratelimit-server.md names is understood, and every page answers', async () => {
  const { out } = await runCommand(['ratelimit', '--help'])
  const options = [...PAGE.matchAll(/`?(--[a-z][a-z-]+)/g)].map(([, option = '']) => option)
  assert.ok(options.length > 12)
  for (const option of options) assert.ok(out.includes(option), option)
  for (const command of PAGE.match(/^meltemi ratelimit .+?(?= +#)/gm) ?? []) assert.match(command, /-c limits\//)
  for (const [type, texts] of [
    ['single', ['redis:6379', 'redis://user:password@host:1/0', 'rediss://a:1', 'unix:///path']],
    ['sentinel', ['master,host:1,host:2']],
    ['cluster', ['host:1,host:2']],
  ] as const) {
    for (const text of texts) assert.equal(parseRedisTarget(type, text).type, type)
  }
  const server = await startRateLimitServer({ rulesPath: write('b.yaml', RULES), grpc: LOCAL, admin: LOCAL, logger })
  for (const [, path] of PAGE.matchAll(/`(\/[a-z]+)`/g)) {
    if (path === '/pay') continue
    const reply = await fetch(`http://127.0.0.1:${server.adminPort}${path}`, { headers: { connection: 'close' } })
    assert.equal(reply.status, 200, path)
  }
  await server.close()
})
