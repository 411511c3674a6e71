import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encodeCluster, encodeRoutes } from '@meltemi/api/encode'
import { createLogger } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { HeldResources } from './held-resources.ts'
import { ResourceCache } from './resource-cache.ts'
import { staticCluster, table } from './testing/configs.ts'

const root = mkdtempSync(join(tmpdir(), 'meltemi-cache-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
function open(folder = join(root, String(++folders), 'deep')) {
  const clock = new FakeClock()
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line) => lines.push(line) } })
  return { clock, lines, folder, file: join(folder, 'resources'), cache: new ResourceCache({ folder, clock, logger }) }
}

function heldWith(...names: readonly string[]): HeldResources {
  const clusters = names.map((name) => {
    const value = staticCluster(name, [1])
    return [name, { version: `${name}-1`, body: encodeCluster(value), value }] as const
  })
  const routes = table('r', 'a')
  return new HeldResources()
    .with('cluster', 'ads', { version: '7', resources: new Map(clusters) })
    .with('route', 'grpc:xds', {
      version: '8',
      resources: new Map([['r', { version: '8', body: encodeRoutes(routes), value: routes }]]),
    })
}

test('what was saved is there for the next one, under its source, with its versions', async () => {
  const first = open()
  first.cache.save(heldWith('a', 'b'))
  await first.cache.close()
  const types = await open(first.folder).cache.load()
  assert.deepEqual(
    types.map(({ source, type, version, resources }) => [
      source,
      type,
      version,
      resources.map((each) => [each.name, each.version]),
    ]),
    [
      [
        'ads',
        'cluster',
        '7',
        [
          ['a', 'a-1'],
          ['b', 'b-1'],
        ],
      ],
      ['grpc:xds', 'route', '8', [['r', '8']]],
    ],
  )
  assert.deepEqual(Buffer.from(types[0]?.resources[0]?.body ?? []), Buffer.from(encodeCluster(staticCluster('a', [1]))))
})

test('changes that come fast are written once, the last of them', async () => {
  const { clock, cache, file, folder } = open()
  for (const name of ['a', 'b', 'c']) cache.save(heldWith(name))
  clock.advance(1_999)
  assert.throws(() => statSync(file))
  clock.advance(1)
  await cache.close()
  assert.match(readFileSync(file, 'utf8'), /"name":"c"/)
  assert.deepEqual(readdirSync(folder), ['resources'])
  assert.equal(clock.pendingTimers, 0)
})

test('others cannot read it', async () => {
  const { cache, file, folder } = open()
  cache.save(heldWith('a'))
  await cache.close()
  assert.equal(statSync(file).mode & 0o077, 0)
  assert.equal(statSync(folder).mode & 0o077, 0)
})

test('without a file there is nothing, and no line about it', async () => {
  const { cache, lines } = open()
  assert.deepEqual(await cache.load(), [])
  assert.deepEqual(lines, [])
})

for (const [title, spoil, why] of [
  ['cut short', (text: string) => text.slice(0, -10), /it is damaged/],
  ['with another byte', (text: string) => text.replace('cluster', 'clustes'), /it is damaged/],
  ['of a later format', (text: string) => text.replace(/^(\S+) 1 /, '$1 2 '), /it has format 2, this version reads 1/],
  ['that is empty', () => '', /it is not what this program writes/],
  ['of somebody else', () => 'hello\nworld', /it is not what this program writes/],
] as const) {
  test(`a file ${title} is ignored with a line`, async () => {
    const { cache, file, folder } = open()
    cache.save(heldWith('a'))
    await cache.close()
    writeFileSync(file, spoil(readFileSync(file, 'utf8')))
    const next = open(folder)
    assert.deepEqual(await next.cache.load(), [])
    assert.match(next.lines.join(), why)
  })
}

test('a disk that is full is a warning, and what was there stays', async () => {
  const { cache, file, folder, lines, clock } = open()
  cache.save(heldWith('a'))
  await cache.close()
  // where the next one is written to there is no room
  symlinkSync('/dev/full', `${file}.${process.pid}`)
  cache.save(heldWith('b'))
  clock.advance(2_000)
  await cache.close()
  assert.match(lines.join(), /ENOSPC.*configuration cannot be kept on the disk/)
  assert.match(readFileSync(file, 'utf8'), /"name":"a"/)
  assert.deepEqual(readdirSync(folder), ['resources'])
})

test('a place that takes nothing is a warning, and the next change is tried again', async () => {
  const { cache, folder, lines, clock } = open(join(root, 'file', 'below'))
  writeFileSync(join(root, 'file'), '')
  cache.save(heldWith('a'))
  await cache.close()
  assert.match(lines.join(), /ENOTDIR.*configuration cannot be kept on the disk/)
  rmSync(join(root, 'file'))
  cache.save(heldWith('b'))
  clock.advance(2_000)
  await cache.close()
  assert.deepEqual(readdirSync(folder), ['resources'])
})
