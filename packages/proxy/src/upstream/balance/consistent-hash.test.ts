import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadBalancerConfig } from '@meltemi/api'
import { Hash64 } from '../../util/hash.ts'
import { SeededRandom } from '../../util/random.ts'
import type { Balanceable, PickContext, Picker } from './picker.ts'
import { createBalancer } from './policies.ts'

const KEYS = 10_000

function endpoint(address: string, weight = 1, hostname = ''): Balanceable {
  return { address, hostname, weight, activeRequests: 0, healthySinceMs: 0, latency: null }
}

function build(config: LoadBalancerConfig, endpoints: readonly Balanceable[]): Picker<Balanceable> {
  return createBalancer(config, { random: new SeededRandom(1), turn: { nowMs: 0 } }).build(endpoints)
}

function ring(minimumRingSize: number, maximumRingSize = 8_388_608, useHostname = false): LoadBalancerConfig {
  return { kind: 'ring-hash', minimumRingSize, maximumRingSize, useHostname }
}

function maglev(tableSize = 65_537, useHostname = false): LoadBalancerConfig {
  return { kind: 'maglev', tableSize, useHostname }
}

function withHash(hash: bigint): PickContext {
  const random = new SeededRandom(1)
  return {
    hasHash: true,
    hashHigh: Number(hash >> 32n),
    hashLow: Number(hash & 0xffffffffn),
    criteria: null,
    tried: null,
    random,
  }
}

function withKey(key: string): PickContext {
  const hash = new Hash64()
  hash.update(key)
  return {
    hasHash: true,
    hashHigh: hash.high,
    hashLow: hash.low,
    criteria: null,
    tried: null,
    random: new SeededRandom(1),
  }
}

function port(picked: Balanceable | undefined): number {
  return Number(picked?.address.split(':')[1])
}

const six = [90, 91, 92, 93, 94, 95].map((number) => endpoint(`127.0.0.1:${number}`))

/** Positions of the ring that Envoy builds for these six with 12 points. */
const ENVOY_RING: readonly (readonly [bigint, number])[] = [
  [833437586790550860n, 94],
  [928266305478181108n, 92],
  [1033482794131418490n, 90],
  [3551244743356806947n, 95],
  [3851675632748031481n, 93],
  [5583722120771150861n, 91],
  [6311230543546372928n, 91],
  [7700377290971790572n, 93],
  [13144177310400110813n, 95],
  [13444792449719432967n, 92],
  [15516499411664133160n, 94],
  [16117243373044804889n, 90],
]

test('ring-hash: a key belongs to the same point as in Envoy: the next one, and the first beyond the last', () => {
  const picker = build(ring(12), six)
  ENVOY_RING.forEach(([position, owner], index) => {
    const following = ENVOY_RING[(index + 1) % ENVOY_RING.length]![1]
    assert.equal(port(picker.pick(withHash(position - 1n))), owner)
    assert.equal(port(picker.pick(withHash(position))), owner)
    assert.equal(port(picker.pick(withHash(position + 1n))), following)
  })
  assert.equal(port(picker.pick(withHash(0n))), 94)
  assert.equal(port(picker.pick(withHash(2n ** 64n - 1n))), 94)
})

test('ring-hash: weights of 1, 2 and 3 get 1, 2 and 3 points of a ring of 6, where Envoy puts them', () => {
  const picker = build(ring(6, 6), [
    endpoint('127.0.0.1:90', 1),
    endpoint('127.0.0.1:91', 2),
    endpoint('127.0.0.1:92', 3),
  ])
  const points: [bigint, number][] = [
    [928266305478181108n, 92],
    [4443673547860492590n, 92],
    [5583722120771150861n, 91],
    [6311230543546372928n, 91],
    [13444792449719432967n, 92],
    [16117243373044804889n, 90],
  ]
  for (const [position, owner] of points) assert.equal(port(picker.pick(withHash(position))), owner)
})

test('maglev: the table is the one Envoy fills', () => {
  const picker = build(maglev(7), six)
  const owners = Array.from({ length: 21 }, (_, slot) => port(picker.pick(withHash(BigInt(slot)))))
  assert.deepEqual(owners.slice(0, 7), [92, 94, 90, 91, 95, 90, 93])
  assert.deepEqual(owners.slice(7, 14), owners.slice(0, 7))
})

test('maglev: with weights of 1 and 2 the table is the one Envoy fills', () => {
  const picker = build(maglev(17), [endpoint('127.0.0.1:90', 1), endpoint('127.0.0.1:91', 2)])
  const owners = Array.from({ length: 17 }, (_, slot) => port(picker.pick(withHash(BigInt(slot)))) - 90)
  assert.deepEqual(owners, [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1])
})

test('maglev: with host names the table is the one Envoy fills', () => {
  const named = [90, 91, 92, 93, 94, 95].map((number) => endpoint(`127.0.0.1:${number}`, 1, String(number)))
  const picker = build(maglev(7, true), named)
  const owners = Array.from({ length: 7 }, (_, slot) => port(picker.pick(withHash(BigInt(slot)))))
  assert.deepEqual(owners, [92, 95, 90, 93, 94, 91, 90])
})

test('maglev: the remainder of a full 64-bit hash is exact', () => {
  const picker = build(maglev(7), six)
  const random = new SeededRandom(5)
  for (let round = 0; round < 1_000; round++) {
    const hash = (BigInt(random.u32()) << 32n) | BigInt(random.u32())
    assert.equal(picker.pick(withHash(hash)), picker.pick(withHash(hash % 7n)))
  }
})

test('ring-hash: a weight far below the others does not exceed the greatest ring', () => {
  const picker = build(ring(1_024, 2_048), [endpoint('a:1', 1), endpoint('b:2', 4_000_000_000)])
  assert.equal(port(picker.pick(withHash(1n))), 2)
})

for (const [config, most] of [
  [ring(1_024), 0.22],
  [maglev(), 0.12],
] as const) {
  const hosts = Array.from({ length: 10 }, (_, index) => endpoint(`10.1.0.${index}:8080`))

  test(`${config.kind}: one more than ten endpoints moves at most ${most * 100} % of the keys`, () => {
    const before = build(config, hosts)
    const after = build(config, [...hosts, endpoint('10.1.0.10:8080')])
    let moved = 0
    for (let key = 0; key < KEYS; key++) {
      const from = before.pick(withKey(`user-${key}`))
      const to = after.pick(withKey(`user-${key}`))
      if (from !== to) moved++
    }
    assert.ok(moved > 0 && moved <= most * KEYS, `${moved} of ${KEYS} moved`)
  })

  test(`${config.kind}: keys spread by weight`, () => {
    const weighted = hosts.map((host, index) => ({ ...host, weight: index < 5 ? 1 : 3 }))
    const picker = build(config, weighted)
    let heavy = 0
    for (let key = 0; key < KEYS; key++) if (weighted.indexOf(picker.pick(withKey(`k${key}`))!) >= 5) heavy++
    assert.ok(Math.abs(heavy - 0.75 * KEYS) < 0.03 * KEYS, `${heavy} of ${KEYS}`)
  })
}
