import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigChange } from '@meltemi/api/model'
import { createLogger } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { ConfigRefused } from '../config/configure.ts'
import { need } from './plan-change.ts'
import {
  ADS,
  bootstrap,
  edsCluster,
  endpoints,
  listener,
  rdsListener,
  staticCluster,
  table,
} from './testing/configs.ts'
import type { WantedConfig } from './wanted-config.ts'
import { Warming } from './warming.ts'

/** A data plane that refuses listeners by name. */
class Stage {
  readonly clock = new FakeClock()
  readonly lines: string[] = []
  readonly changes: ConfigChange[] = []
  readonly refusing = new Set<string>()
  readonly timers: (string | undefined)[] = []
  readonly fetching = new Map<string, number>()
  readonly warming = new Warming({
    config: bootstrap(),
    clock: this.clock,
    logger: createLogger({ destination: { write: (line) => this.lines.push(line) } }),
    configure: (change) => this.#configure(change),
    rules: { hasCodec: () => true, codecWaitMs: 15_000 },
    fetching: () => this.fetching,
    onTimer: (over) => this.timers.push(over),
  })
  wanted = { clusters: new Map(), listeners: new Map(), endpoints: new Map(), routes: new Map() } as {
    [Part in keyof WantedConfig]: Map<string, never>
  }

  want(part: keyof WantedConfig, name: string, value: object): this {
    // as on the way there: what is wanted now is another map
    this.wanted = { ...this.wanted, [part]: new Map([...this.wanted[part], [name, value]]) }
    return this
  }

  apply(...fresh: readonly object[]): Promise<readonly string[]> {
    return this.warming.apply(this.wanted, new Set(fresh), () => '')
  }

  get listeners(): readonly string[] {
    return this.changes.flatMap((change) => change.listeners.map(({ name }) => name))
  }

  #configure(change: ConfigChange): Promise<void> {
    const faults = change.listeners.filter(({ name }) => this.refusing.has(name)).map(({ name }) => `no ${name}`)
    if (faults.length > 0) return Promise.reject(new ConfigRefused(faults))
    this.changes.push(change)
    return Promise.resolve()
  }
}

test('what is new and refused changes nothing, and says why', async () => {
  const stage = new Stage()
  const bad = listener('bad')
  stage.refusing.add('bad')
  assert.deepEqual(await stage.want('listeners', 'bad', bad).apply(bad), ['no bad'])
  assert.deepEqual([stage.changes, stage.warming.openNeeds], [[], []])
})

test('what has become ready by chance and is refused does not take along what is new, and is tried again', async () => {
  const stage = new Stage()
  stage.want('listeners', 'late', rdsListener('late')).want('clusters', 'a', staticCluster('a', [1]))
  assert.deepEqual(await stage.apply(), [])
  stage.refusing.add('late')
  const routes = table('late', 'a')
  assert.deepEqual(await stage.want('routes', 'ads/late', routes).apply(routes), [])
  assert.deepEqual(
    stage.changes.map((change) => change.routes.map(({ key }) => key)),
    [[], ['ads/late']],
  )
  assert.match(stage.lines.join(), /"name":"listener late","why":"no late".*it is tried again/)
  // other changes do not suffer
  const other = listener('other')
  assert.deepEqual(await stage.want('listeners', 'other', other).apply(other), [])
  stage.clock.advance(5_000)
  assert.deepEqual(stage.timers, [undefined])
  stage.refusing.clear()
  assert.deepEqual(await stage.apply(), [])
  assert.deepEqual(stage.listeners, ['other', 'late'])
})

test('what is refused of several is only what is bad', async () => {
  const stage = new Stage()
  stage.refusing.add('two')
  for (const name of ['one', 'two', 'three']) stage.want('listeners', name, listener(name))
  assert.deepEqual(await stage.apply(), [])
  assert.deepEqual(stage.listeners, ['one', 'three'])
})

test('what is missing is waited for, with the time that it has, and then no longer', async () => {
  const stage = new Stage()
  stage.fetching.set('first listener', 15_000)
  await stage.want('clusters', 'a', edsCluster('a', { ...ADS, initialFetchTimeoutMs: 3_000 })).apply()
  assert.deepEqual(stage.warming.openNeeds, [need('endpoints', 'a'), 'first listener'])
  stage.clock.advance(3_000)
  assert.deepEqual(stage.timers, [need('endpoints', 'a')])
  await stage.apply()
  assert.deepEqual(
    stage.changes.map((change) => change.clusters.map(({ name }) => name)),
    [['a']],
  )
  stage.fetching.clear()
  await stage.apply()
  assert.deepEqual(stage.warming.openNeeds, [])
})

test('what nobody has is given up at once', async () => {
  const stage = new Stage()
  await stage.want('clusters', 'a', edsCluster('a')).apply()
  stage.warming.giveUp(need('endpoints', 'a'))
  await stage.apply()
  assert.equal(stage.changes.length, 1)
  await stage.want('endpoints', 'ads/a', endpoints(1)).apply()
  assert.deepEqual(
    stage.changes.map((change) => change.endpoints.length),
    [0, 1],
  )
})

test('a closed one leaves no timer', async () => {
  const stage = new Stage()
  stage.refusing.add('bad')
  stage.want('listeners', 'bad', listener('bad')).want('listeners', 'late', rdsListener('late'))
  await stage.want('listeners', 'good', listener('good')).apply()
  stage.warming.close()
  assert.equal(stage.clock.pendingTimers, 0)
})

test('what is wanted and not in force is counted, until it is', async () => {
  const stage = new Stage()
  const bad = listener('bad')
  stage.refusing.add('bad')
  await stage.want('clusters', 'a', staticCluster('a', [1])).apply()
  assert.deepEqual(stage.warming.countOpen(stage.wanted), { clusters: 0, listeners: 0 })
  await stage.want('listeners', 'bad', bad).apply(bad)
  stage.want('clusters', 'a', staticCluster('a', [2]))
  assert.deepEqual(stage.warming.countOpen(stage.wanted), { clusters: 1, listeners: 1 })
  stage.refusing.clear()
  await stage.apply(bad)
  assert.deepEqual(stage.warming.countOpen(stage.wanted), { clusters: 0, listeners: 0 })
})

/** How often it was gone through. */
class CountingMap<K, V> extends Map<K, V> {
  rounds = 0
  override [Symbol.iterator]() {
    this.rounds++
    return super[Symbol.iterator]()
  }
}

test('what is not in force is not counted again while only endpoints change', async () => {
  const stage = new Stage()
  stage.want('clusters', 'a', edsCluster('a')).want('clusters', 'b', staticCluster('b', [1]))
  const clusters = new CountingMap<string, never>(stage.wanted.clusters)
  stage.wanted = { ...stage.wanted, clusters }
  const open = () => stage.warming.countOpen(stage.wanted).clusters
  await stage.apply()
  assert.deepEqual([open(), open()], [1, 1])
  await stage.want('endpoints', 'ads/a', endpoints(1)).apply()
  assert.deepEqual([open(), open()], [0, 0])
  for (const port of [2, 3, 4]) {
    await stage.want('endpoints', 'ads/a', endpoints(port)).apply()
    assert.equal(open(), 0)
  }
  assert.equal(clusters.rounds, 2)
})
