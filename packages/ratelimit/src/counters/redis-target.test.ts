import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRedisTarget, type RedisType } from './redis-target.ts'

test('addresses are read as the reference writes them, and as URLs', () => {
  const { type, nodes, isTls } = parseRedisTarget('single', 'redis.default:6380')
  assert.deepEqual([type, nodes, isTls], ['single', [{ host: 'redis.default', port: 6380 }], false])
  const url = parseRedisTarget('single', 'rediss://ann:p%40ss@[::1]:1/2')
  assert.deepEqual(
    [url.nodes, url.username, url.password, url.database, url.isTls],
    [[{ host: '::1', port: 1 }], 'ann', 'p@ss', 2, true],
  )
  assert.equal(parseRedisTarget('single', 'unix:///run/redis.sock').socketPath, '/run/redis.sock')
  const sentinel = parseRedisTarget('sentinel', 'counters,a:1,b')
  assert.deepEqual([sentinel.masterName, sentinel.nodes.map(({ port }) => port)], ['counters', [1, 26_379]])
  assert.deepEqual(
    parseRedisTarget('cluster', 'a:1, b').nodes.map(({ host, port }) => `${host}:${port}`),
    ['a:1', 'b:6379'],
  )
})

test('several addresses may repeat what the first one says', () => {
  const { nodes, password } = parseRedisTarget('cluster', 'redis://:a@b:1,redis://:a@c:2,d:3')
  assert.deepEqual([nodes.length, password], [3, 'a'])
})

test('what is wrong is said without the text, for that may have a password', () => {
  const cases: readonly (readonly [RedisType, string])[] = [
    ['single', 'redis://ann:secret@:x'],
    ['single', 'a:1,secret:2'],
    ['single', 'redis://a/secret'],
    ['sentinel', 'secret:1'],
    ['sentinel', 'secret'],
    ['cluster', 'redis://:secret@a/1'],
    ['cluster', ''],
    ['cluster', 'a:1,redis://:secret@b:1'],
    ['cluster', 'a:1,rediss://secret:1'],
    ['sentinel', 'counters,redis://:secret@a:1,redis://:secret2@b:1'],
  ]
  for (const [type, text] of cases) {
    assert.throws(
      () => parseRedisTarget(type, text),
      (error) => error instanceof Error && !error.message.includes('secret'),
      text,
    )
  }
})
