/** Several servers of ours count together in real Redis servers, which are killed, hung, failed over and moved about. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { freePort, RateLimitClient } from '../../harness/index.ts'
import { type OurServer, startOurServer } from './our-server.ts'
import { eventually, type RedisProcess, startCluster, startRedis, startSentinel } from './redis-process.ts'

const LIMIT = 50
const RULES = {
  'rules.yaml': `
domain: shared
descriptors:
  - key: user
    rate_limit: {unit: day, requests_per_unit: ${LIMIT}}
  - key: burst
    rate_limit: {unit: second, requests_per_unit: ${LIMIT}}
  - key: trial
    shadow_mode: true
    rate_limit: {unit: day, requests_per_unit: 1}
`,
}
/** No test shall depend on how quick the machine is. */
const PATIENT = ['--redis-timeout', '5s']
const QUICK = ['--redis-timeout', '200ms']

test('two servers on one Redis admit exactly the limit under parallel load, in every window', async () => {
  await using redis = await startRedis()
  await using first = await startOurServer(RULES, [...single(redis), ...PATIENT])
  await using second = await startOurServer(RULES, [...single(redis), ...PATIENT, '--over-limit-cache', '1000'])
  using a = new RateLimitClient(first.port)
  using b = new RateLimitClient(second.port)
  await ready(first, second)
  for (const user of ['ann', 'ben', 'eve']) assert.equal(await admitted([a, b], { user }, 10 * LIMIT), LIMIT)
  await overWindows([a, b], redis)
  // what is known to be over is not asked for again
  const before = redis.cli('KEYS', 'shared_user_ann_*')
  const count = redis.cli('GET', before)
  assert.equal(await b.allows('shared', { user: 'ann' }), false)
  assert.equal(redis.cli('GET', before), count)
  const stats = (await second.get('/stats')).text
  assert.ok(statOf(stats, 'ratelimit.service.rate_limit.shared.user.over_limit_with_local_cache') > 0)
  // and counters end
  for (const key of redis.cli('KEYS', '*').split('\n')) assert.ok(Number(redis.cli('TTL', key)) > 0, key)
})

test('hits of one turn leave in a few writes', async () => {
  await using redis = await startRedis()
  await using server = await startOurServer(RULES, [...single(redis), ...PATIENT])
  using client = new RateLimitClient(server.port)
  await ready(server)
  const before = redis.cli('INFO', 'stats')
  await admitted([client], { user: 'ann' }, 2_000)
  const reads = infoOf(redis.cli('INFO', 'stats'), 'total_reads_processed') - infoOf(before, 'total_reads_processed')
  // each hit is a command of its own, and Redis reads many of them at once
  assert.ok(reads < 1_000, `${reads} reads for 2,000 hits`)
})

test('while Redis is away calls fail, and when it is back they do not, without a restart', async () => {
  await using redis = await startRedis()
  await using server = await startOurServer(RULES, [...single(redis), ...QUICK])
  using client = new RateLimitClient(server.port)
  await ready(server)
  assert.equal(await client.allows('shared', { user: 'ann' }), true)
  await redis.kill()
  await eventually(
    async () => await fails(client, 'redis'),
    () => 'calls go on without Redis',
  )
  // what needs no counter does not need Redis
  assert.equal(await client.allows('other', { user: 'ann' }), true)
  await redis.start()
  await recovers(client, server)
  const stats = (await server.get('/stats')).text
  assert.ok(statOf(stats, 'ratelimit.service.call.should_rate_limit.redis_error') > 0)
  assert.equal(statOf(stats, 'ratelimit.redis.connected'), 1)
  // it ends in time without Redis too
  await redis.kill()
  server.process.child.kill('SIGTERM')
  assert.equal(await server.process.exited(), 0)
})

test('a Redis that hangs costs its timeout, and no call hangs with it', async () => {
  await using redis = await startRedis()
  await using server = await startOurServer(RULES, [...single(redis), ...QUICK])
  using client = new RateLimitClient(server.port)
  await ready(server)
  redis.signal('SIGSTOP')
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => fails(client, 'redis')))
  assert.ok(outcomes.every((failed) => failed))
  redis.signal('SIGCONT')
  await recovers(client, server)
  assert.ok(statOf((await server.get('/stats')).text, 'ratelimit.redis.timeout') > 0)
})

for (const [mode, expected] of [
  ['allow', LIMIT * 2],
  ['deny', 0],
  ['memory', LIMIT],
] as const) {
  test(`with failure mode ${mode}, of ${LIMIT * 2} requests without Redis ${expected} are admitted`, async () => {
    await using redis = await startRedis()
    const args = [...single(redis), ...PATIENT, '--redis-failure-mode', mode]
    await using server = await startOurServer(RULES, args)
    using client = new RateLimitClient(server.port)
    await eventually(
      async () => statOf((await server.get('/stats')).text, 'ratelimit.redis.connected') === 1,
      () => server.process.errors,
    )
    await redis.kill()
    await eventually(
      async () => statOf((await server.get('/stats')).text, 'ratelimit.redis.connected') === 0,
      () => 'it takes Redis to be there',
    )
    assert.equal(await admitted([client], { user: 'ann' }, 2 * LIMIT), expected)
    assert.equal(await client.allows('shared', { trial: 'x' }), true)
    await redis.start()
    await eventually(
      async () => {
        await client.allows('shared', { user: 'back' })
        return redis.cli('KEYS', 'shared_user_back_*') !== ''
      },
      () => server.process.errors,
    )
  })
}

test('a server that is started before its Redis is not ready until that is there', async () => {
  await using redis = await startRedis()
  await redis.kill()
  await using server = await startOurServer(RULES, single(redis))
  assert.equal((await server.get('/ready')).status, 503)
  await redis.start()
  await ready(server)
})

test('a password is needed and stays secret', async () => {
  await using redis = await startRedis(['requirepass s3cret-word'], ['--no-auth-warning', '-a', 's3cret-word'])
  await using server = await startOurServer(RULES, [
    ...PATIENT,
    '--redis-url',
    `redis://:s3cret-word@127.0.0.1:${redis.port}`,
  ])
  using client = new RateLimitClient(server.port)
  await ready(server)
  assert.equal(await client.allows('shared', { user: 'ann' }), true)
  await using wrong = await startOurServer(RULES, ['--redis-url', `redis://:wr0ng-word@127.0.0.1:${redis.port}`])
  using refused = new RateLimitClient(wrong.port)
  await wrong.process.said(/redis cannot be used/)
  assert.ok(await fails(refused, 'redis is not connected'))
  assert.doesNotMatch(server.process.errors + wrong.process.errors, /s3cret-word|wr0ng-word/)
})

test('over TLS Redis must have the right certificate, and asks for ours', async () => {
  const file = (name: string) =>
    new URL(`../../../packages/runtime/src/grpc/testdata/${name}`, import.meta.url).pathname
  const port = await freePort()
  const tls = [`tls-port ${port}`, `tls-cert-file ${file('server.pem')}`, `tls-key-file ${file('server.key')}`]
  await using _redis = await startRedis([...tls, `tls-ca-cert-file ${file('authority.pem')}`])
  const url = ['--redis-url', `rediss://127.0.0.1:${port}`, '--redis-ca', file('authority.pem'), ...PATIENT]
  const ours = ['--redis-cert', file('client.pem'), '--redis-key', file('client.key')]
  await using server = await startOurServer(RULES, [...url, ...ours, '--redis-server-name', 'xds.test'])
  using client = new RateLimitClient(server.port)
  await ready(server)
  assert.equal(await admitted([client], { user: 'ann' }, 2 * LIMIT), LIMIT)
  await using stranger = await startOurServer(RULES, [...url, ...ours])
  await stranger.process.said(/altnames.*redis cannot be used/)
  await using nameless = await startOurServer(RULES, [...url, '--redis-server-name', 'xds.test'])
  using refused = new RateLimitClient(nameless.port)
  await nameless.process.said(/redis cannot be used/)
  assert.ok(await fails(refused, 'redis is not connected'))
})

test('a Redis that takes no more is told as such, and used again when it does', async () => {
  await using redis = await startRedis(['maxmemory-policy noeviction'])
  await using server = await startOurServer(RULES, [...single(redis), ...PATIENT])
  using client = new RateLimitClient(server.port)
  await ready(server)
  redis.cli('CONFIG', 'SET', 'maxmemory', '1')
  assert.ok(await fails(client, 'OOM'))
  redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  assert.equal(await fails(client, 'OOM'), false)
})

test('a Redis on the same machine may have a unix socket', async () => {
  await using redis = await startRedis(['unixsocket redis.sock'])
  const url = `unix://${redis.folder}/redis.sock`
  await using server = await startOurServer(RULES, ['--redis-url', url, ...PATIENT])
  using client = new RateLimitClient(server.port)
  await ready(server)
  assert.equal(await admitted([client], { user: 'ann' }, 2 * LIMIT), LIMIT)
  assert.equal(redis.cli('DBSIZE'), '1')
})

test('limits per second may count in a Redis of their own', async () => {
  await using redis = await startRedis()
  await using perSecond = await startRedis()
  const args = ['--redis-per-second-url', `127.0.0.1:${perSecond.port}`, '--key-prefix', 'limits:']
  await using server = await startOurServer(RULES, [...single(redis), ...args, ...PATIENT])
  using client = new RateLimitClient(server.port)
  await ready(server)
  const entries = [{ key: 'user', value: 'ann' }]
  const burst = [{ key: 'burst', value: 'x' }]
  const { statuses } = await client.ask({
    domain: 'shared',
    descriptors: [{ entries: burst }, { entries }],
    hitsAddend: 3,
  })
  assert.deepEqual(
    statuses.map(({ limitRemaining }) => limitRemaining),
    [LIMIT - 3, LIMIT - 3],
  )
  assert.match(redis.cli('KEYS', '*'), /^limits:shared_user_ann_\d+$/)
  // its window is a second, but the key stays for the jitter
  assert.match(perSecond.cli('KEYS', '*'), /^(?:limits:shared_burst_x_\d+)?$/)
})

test('a failover of sentinels needs no restart, also when the old master hangs', async () => {
  await using master = await startRedis()
  await using replica = await startRedis([`replicaof 127.0.0.1 ${master.port}`])
  await eventually(
    async () => replica.cli('INFO', 'replication').includes('master_link_status:up'),
    () => 'no replication',
  )
  await using one = await startSentinel(master.port)
  await using two = await startSentinel(master.port)
  await using three = await startSentinel(master.port)
  const sentinels = [one, two, three]
  await eventually(
    async () => sentinels.every((each) => each.cli('SENTINEL', 'CKQUORUM', 'counters').startsWith('OK 3')),
    () => 'the sentinels do not see each other',
  )
  const url = `counters,${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  await using server = await startOurServer(RULES, ['--redis-type', 'sentinel', '--redis-url', url, ...QUICK])
  using client = new RateLimitClient(server.port)
  await ready(server)
  await recovers(client, server)
  master.signal('SIGSTOP')
  await eventually(
    async () => one.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'counters').includes(String(replica.port)),
    () => 'no failover',
  )
  await recovers(client, server)
  assert.equal(await admitted([client], { user: 'after' }, 2 * LIMIT), LIMIT)
  assert.notEqual(replica.cli('KEYS', 'shared_user_after_*'), '')
  // the old master comes back as a replica
  master.signal('SIGCONT')
  await eventually(
    async () => master.cli('INFO', 'replication').includes('role:slave'),
    () => 'two masters',
  )
  await recovers(client, server)
})

test('three nodes of a cluster share the counters; one that dies takes only its own with it, and comes back', async () => {
  const nodes = await startCluster()
  try {
    const url = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
    const args = ['--redis-type', 'cluster', '--redis-url', url, '--redis-timeout', '1s']
    await using first = await startOurServer(RULES, args)
    await using second = await startOurServer(RULES, args)
    using a = new RateLimitClient(first.port)
    using b = new RateLimitClient(second.port)
    await ready(first, second)
    // so many that each node has some, at whatever time it is, which is in the names of counters
    const sharing = Array.from({ length: 30 }, (_, index) => `sharing ${Math.sin(index)}`)
    for (const user of sharing) assert.equal(await admitted([a, b], { user }, 4 * LIMIT), LIMIT, user)
    assert.ok(
      nodes.every((node) => node.cli('DBSIZE') !== '0'),
      'a node has no counter',
    )
    await moveUnderLoad(nodes, [a, b])
    for (const user of sharing) assert.equal(await admitted([a, b], { user }, LIMIT), 0, user)
    await nodes[1]?.kill()
    const users = Array.from({ length: 40 }, (_, index) => `user-${index}`)
    const outcomes = await Promise.all(users.map((user) => fails(a, 'redis', { user })))
    assert.ok(outcomes.includes(true) && outcomes.includes(false), 'one node has some users')
    await nodes[1]?.start()
    for (const user of users) await recovers(a, first, { user })
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]()
  }
})

/** All slots of the first node go to the last one, and counters move along with them: no call fails, and none is forgotten. */
async function moveUnderLoad(nodes: readonly RedisProcess[], clients: readonly RateLimitClient[]): Promise<void> {
  const [from, to] = [nodes[0] as RedisProcess, nodes.at(-1) as RedisProcess]
  const id = (node: RedisProcess) => node.cli('CLUSTER', 'MYID')
  const slots = ['--cluster-from', id(from), '--cluster-to', id(to), '--cluster-slots', '5461', '--cluster-yes']
  let isMoving = true
  const moved = from.run('--cluster', 'reshard', `127.0.0.1:${from.port}`, ...slots).then(() => {
    isMoving = false
  })
  // names that differ in a few letters only come into few slots
  const users = Array.from({ length: 40 }, (_, index) => ({ user: String(Math.sin(index)) }))
  const counts = users.map(() => 0)
  for (let round = 0; isMoving || round < 2; round++) {
    const found = await Promise.all(users.map((user) => admitted(clients, user, 3)))
    for (const [index, count] of found.entries()) counts[index] = (counts[index] ?? 0) + count
    await setTimeout(50)
  }
  await moved
  assert.equal(from.cli('DBSIZE'), '0')
  assert.match(from.cli('INFO', 'errorstats'), /errorstat_MOVED/, 'nobody came too late')
  for (const [index, user] of users.entries()) {
    assert.equal((counts[index] ?? 0) + (await admitted(clients, user, 2 * LIMIT)), LIMIT)
  }
}

/** In three seconds, each on its own; of those that two seconds share nothing is said. */
async function overWindows(clients: readonly RateLimitClient[], redis: RedisProcess): Promise<void> {
  let whole = 0
  for (let tries = 0; tries < 30 && whole < 3; tries++) {
    await setTimeout(1000 - (Date.now() % 1000) + 10)
    const second = Math.floor(Date.now() / 1000)
    const count = await admitted(clients, { burst: 'x' }, 3 * LIMIT)
    if (Math.floor(Date.now() / 1000) !== second) continue
    whole++
    assert.equal(count, LIMIT)
    assert.equal(redis.cli('EXISTS', `shared_burst_x_${second}`), '1')
  }
  assert.equal(whole, 3, 'the load never fitted into one second')
}

/** How many of `count` requests, all at once, are within the limit. */
async function admitted(
  clients: readonly RateLimitClient[],
  entries: Readonly<Record<string, string>>,
  count: number,
): Promise<number> {
  const asked = Array.from({ length: count }, (_, index) =>
    (clients[index % clients.length] as RateLimitClient).allows('shared', entries),
  )
  return (await Promise.all(asked)).filter((isAllowed) => isAllowed).length
}

async function fails(client: RateLimitClient, reason: string, entries = { user: 'fails' }): Promise<boolean> {
  try {
    await client.allows('shared', entries)
    return false
  } catch (error: unknown) {
    assert.ok(error instanceof GrpcError && error.code === GrpcCode.UNAVAILABLE, String(error))
    assert.ok(error.message.includes(reason), error.message)
    return true
  }
}

async function recovers(client: RateLimitClient, server: OurServer, entries = { user: 'recovers' }): Promise<void> {
  await eventually(
    async () => !(await fails(client, 'redis', entries)),
    () => `no recovery: ${server.process.errors}`,
  )
}

async function ready(...servers: readonly OurServer[]): Promise<void> {
  for (const server of servers) {
    await eventually(
      async () => (await server.get('/ready')).status === 200,
      () => server.process.errors,
    )
  }
}

function single(redis: RedisProcess): readonly string[] {
  return ['--redis-url', `127.0.0.1:${redis.port}`]
}

function statOf(stats: string, name: string): number {
  return Number(
    stats
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2),
  )
}

function infoOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
}
