/** The reference and our server, in memory and in Redis, decide the same list of requests alike, and count alike. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { RulesError, startRateLimitServer } from '@meltemi/ratelimit'
import { createLogger } from '@meltemi/runtime'
import { type RateLimitAsk, RateLimitClient, type RateLimitOutcome } from '../../harness/index.ts'
import { type OurServer, startOurServer } from './our-server.ts'
import { eventually, type RedisProcess, startRedis } from './redis-process.ts'
import { type ReferenceProcess, referenceAccepts, startReference } from './reference.ts'
import { entriesOf, RULES, requestsOf } from './rules.ts'

const SEEDS = [1, 2, 3]
const REQUESTS = 400
/** What the list takes at most, on a machine that has other things to do. */
const LIST_S = 35

describe('the reference and our server', () => {
  let redis: RedisProcess
  let otherRedis: RedisProcess
  let reference: ReferenceProcess
  let inMemory: OurServer
  let inRedis: OurServer
  let clients: readonly RateLimitClient[] = []

  before(async () => {
    ;[redis, otherRedis] = await Promise.all([startRedis(), startRedis()])
    ;[reference, inMemory, inRedis] = await Promise.all([
      startReference(RULES, redis.port),
      startOurServer(RULES),
      startOurServer(RULES, ['--redis-url', `127.0.0.1:${otherRedis.port}`, '--redis-timeout', '5s']),
    ])
    clients = [reference, inMemory, inRedis].map(({ port }) => new RateLimitClient(port))
    await eventually(
      async () => (await inRedis.get('/ready')).status === 200,
      () => inRedis.process.errors,
    )
  })

  after(async () => {
    for (const client of clients) client[Symbol.dispose]()
    for (const part of [reference, inMemory, inRedis, redis, otherRedis]) await part?.[Symbol.asyncDispose]()
  })

  test(`answer ${SEEDS.length * REQUESTS} requests over rules of every kind alike, and have the same counters`, async (t) => {
    await clearOfBoundary(60, LIST_S)
    const seen = new Set<string>()
    for (const seed of SEEDS) {
      for (const [index, request] of requestsOf(seed, REQUESTS).entries()) {
        const outcomes = await Promise.all(clients.map((client) => client.outcome(request)))
        assertSame(outcomes, `seed ${seed}, request ${index}: ${describeAsk(request)}`)
        for (const status of statusesOf(outcomes[0])) seen.add(`${status.code} ${status.limit}`)
      }
    }
    // the list must have met each rule, those with a limit on both sides of it
    t.diagnostic(`met: ${[...seen].sort().join(', ')}`)
    for (const limit of ['pay 7/2', ' 20/3', ' 9/4', ' 11/3', ' 5/3', ' 8/2']) {
      assert.ok(seen.has(`OK ${limit}`) && seen.has(`OVER_LIMIT ${limit}`), limit)
    }
    assert.deepEqual(counters(otherRedis), counters(redis))
    assert.ok(counters(redis).length > 30)
  })

  test('decide alike within a second', async () => {
    for (let round = 0; round < 5; round++) await withinOneSecond(clients)
  })

  test('have the same statistics', async () => {
    const ours = series((await inMemory.get('/metrics')).text)
    assert.ok(ours.size > 40, String(ours.size))
    let difference: unknown
    // the reference hands them on now and then
    await eventually(
      async () => {
        const theirs = series(await reference.metrics())
        const names = new Set([...theirs.keys(), ...ours.keys()])
        difference = [...names].filter((name) => theirs.get(name) !== ours.get(name))
        return theirs.size > 40 && (difference as unknown[]).length === 0
      },
      () => `not the same: ${JSON.stringify(difference)}`,
    )
  })

  test('refuse the same bad requests with the same words', async () => {
    for (const request of [{ domain: '', descriptors: [{ entries: entriesOf('a=b') }] }, { domain: 'shop' }]) {
      const [theirs, ...ours] = await Promise.all(clients.map((client) => client.outcome(request)))
      assert.ok(theirs !== undefined && 'error' in theirs && theirs.error.includes('must not be empty'))
      for (const one of ours) assert.deepEqual(one, theirs)
    }
  })
})

describe('configuration', () => {
  for (const [name, files, isGood] of configurations()) {
    test(`${isGood ? 'accepted' : 'refused'} by both: ${name}`, async () => {
      assert.equal(referenceAccepts(files), isGood)
      assert.equal(await isAccepted(files), isGood)
    })
  }
})

/** Whether ours takes these files. */
async function isAccepted(files: Readonly<Record<string, string>>): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-rules-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const local = { host: '127.0.0.1', port: 0 }
  const logger = createLogger({ level: 'off' })
  try {
    const server = await startRateLimitServer({ rulesPath: folder, grpc: local, admin: local, logger })
    await server.close()
    return true
  } catch (error: unknown) {
    assert.ok(error instanceof RulesError, String(error))
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** All in one second, so that the counters of seconds can be compared; asked again in another second where it was two. */
async function withinOneSecond(clients: readonly RateLimitClient[]): Promise<void> {
  const requests: readonly RateLimitAsk[] = ['ann', 'ann', 'ben', 'slow', 'slow', 'ann', 'ann', 'ann'].map((user) => ({
    domain: 'seconds',
    descriptors: [{ entries: [{ key: 'user', value: user }] }],
  }))
  for (let tries = 0; tries < 20; tries++) {
    await setTimeout(1000 - (Date.now() % 1000) + 20)
    const second = Math.floor(Date.now() / 1000)
    const outcomes: (readonly RateLimitOutcome[])[] = []
    for (const request of requests) outcomes.push(await Promise.all(clients.map((client) => client.outcome(request))))
    if (Math.floor(Date.now() / 1000) !== second) continue
    for (const [index, some] of outcomes.entries()) assertSame(some, `request ${index}`)
    assert.deepEqual(
      outcomes.map(([first]) => (first as { overall: string }).overall),
      [...['OK', 'OK', 'OK', 'OK', 'OVER_LIMIT', 'OK', 'OK', 'OVER_LIMIT']],
    )
    return
  }
  assert.fail('eight requests never fitted into one second')
}

function assertSame([theirs, ...ours]: readonly RateLimitOutcome[], what: string): void {
  for (const [index, one] of ours.entries()) {
    assert.deepEqual(withoutReset(one), withoutReset(theirs as RateLimitOutcome), `${what}, ours ${index}`)
    for (const [at, { resetS }] of statusesOf(one).entries()) {
      // a second may pass between two questions
      const difference = Math.abs(resetS - (statusesOf(theirs)[at]?.resetS ?? 0))
      assert.ok(difference <= 1, `${what}, ours ${index}: ${resetS}`)
    }
  }
}

function statusesOf(outcome: RateLimitOutcome | undefined) {
  return outcome !== undefined && 'statuses' in outcome ? outcome.statuses : []
}

function withoutReset(outcome: RateLimitOutcome): unknown {
  if (!('statuses' in outcome)) return outcome
  return { ...outcome, statuses: outcome.statuses.map(({ resetS, ...rest }) => ({ ...rest, hasReset: resetS > 0 })) }
}

function describeAsk(request: RateLimitAsk): string {
  return JSON.stringify(request, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}

/** Waits where a window of that length would end before the list does. */
async function clearOfBoundary(lengthS: number, neededS: number): Promise<void> {
  const leftS = lengthS - ((Date.now() / 1000) % lengthS)
  if (leftS < neededS) await setTimeout(leftS * 1000 + 50)
}

/** `key value`, sorted. */
function counters(redis: RedisProcess): readonly string[] {
  const keys = redis.cli('KEYS', '*').split('\n').sort()
  const values = redis.cli('MGET', ...keys).split('\n')
  return keys.map((key, index) => `${key} ${values[index]}`).filter((line) => !line.startsWith('seconds_'))
}

/** Counters of limits by name and labels; the reference has two keys at most as labels, and adds up the rest. */
function series(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^(ratelimit_service_rate_limit_\w+)\{(.*)\} (\d+)$/.exec(line) ?? []
    if (name === undefined || /local_cache|not_found/.test(name) || Number(value) === 0) continue
    const kept = labels.split(/,(?=\w+=")/).filter((label) => /^(?:domain|key1|key2)=/.test(label))
    const key = `${name} ${kept.sort().join()}`
    found.set(key, (found.get(key) ?? 0) + Number(value))
  }
  return found
}

function configurations(): readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] {
  const limit = 'rate_limit: {unit: day, requests_per_unit: 1}'
  const one = (descriptors: string, rest = '') => ({ 'a.yaml': `domain: a\ndescriptors:\n${descriptors}\n${rest}` })
  return [
    ['rules of every kind', RULES, true],
    ['a domain without descriptors', { 'a.yaml': 'domain: a' }, true],
    ['units in any case', one('  - key: k\n    rate_limit: {unit: WeeK, requests_per_unit: 1}'), true],
    ['numbers and booleans as values', one(`  - key: k\n    value: 404\n    ${limit}`), true],
    ['JSON', { 'a.yaml': '{"domain": "a", "descriptors": [{"key": "k"}]}' }, true],
    ['no domain', { 'a.yaml': 'descriptors: []' }, false],
    ['an unknown unit', one('  - key: k\n    rate_limit: {unit: fortnight, requests_per_unit: 1}'), false],
    ['no unit', one('  - key: k\n    rate_limit: {requests_per_unit: 1}'), false],
    ['unlimited with a unit', one('  - key: k\n    rate_limit: {unlimited: true, unit: day}'), false],
    ['no key', one(`  - value: k\n    ${limit}`), false],
    ['an unknown field', one(`  - key: k\n    rate_limits: {unit: day, requests_per_unit: 1}`), false],
    ['two descriptors alike', one('  - key: k\n    value: v\n  - key: k\n    value: v'), false],
    ['one key that reads like another with its value', one('  - key: k_v\n  - key: k\n    value: v'), false],
    ['one domain in two files', { 'a.yaml': 'domain: a', 'b.yaml': 'domain: a' }, false],
    ['a negative number', one('  - key: k\n    rate_limit: {unit: day, requests_per_unit: -1}'), false],
    [
      'replaces without a name',
      one('  - key: k\n    rate_limit: {unit: day, requests_per_unit: 1, replaces: [{}]}'),
      false,
    ],
    [
      'a limit that replaces itself',
      one('  - key: k\n    rate_limit: {unit: day, requests_per_unit: 1, name: n, replaces: [{name: n}]}'),
      false,
    ],
    [
      'share_threshold without a pattern',
      one(`  - key: k\n    value: v\n    share_threshold: true\n    ${limit}`),
      false,
    ],
    ['a list of strings', { 'a.yaml': 'domain: a\ndescriptors: [x]' }, false],
    ['no YAML', { 'a.yaml': 'domain: [' }, false],
  ]
}
