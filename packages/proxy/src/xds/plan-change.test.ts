import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConfigChange, NO_CHANGE, rdsKey, sourceKey } from '@meltemi/api/model'
import { InForce } from './in-force.ts'
import { need, planChange } from './plan-change.ts'
import { ADS, edsCluster, endpoints, listener, RDS, rdsListener, staticCluster, table } from './testing/configs.ts'

const DIGEST = 'd'.repeat(64)

/** What is wanted, what is in force, and what has happened meanwhile. */
class Story {
  readonly clusters = new Map<string, ReturnType<typeof staticCluster>>()
  readonly listeners = new Map<string, ReturnType<typeof listener>>()
  readonly endpoints = new Map<string, ReturnType<typeof endpoints>>()
  readonly routes = new Map<string, ReturnType<typeof table>>()
  readonly over = new Set<string>()
  readonly refused = new Set<object>()
  readonly modules = new Set<string>()
  readonly inForce = new InForce({ clusters: [staticCluster('xds', [1])], listeners: [] })
  needs: ReadonlyMap<string, number> = new Map()

  want(...configs: readonly (ReturnType<typeof staticCluster> | ReturnType<typeof listener>)[]): this {
    for (const config of configs) {
      if ('filter' in config) this.listeners.set(config.name, config)
      else this.clusters.set(config.name, config)
    }
    return this
  }

  give(name: string, ...ports: readonly number[]): this {
    this.endpoints.set(`ads/${name}`, endpoints(...ports))
    return this
  }

  route(name: string, ...clusters: readonly string[]): this {
    this.routes.set(`${sourceKey(ADS)}/${name}`, table(name, ...clusters))
    return this
  }

  /** What comes into force, in words; what is empty is left out. */
  step(): Record<string, readonly string[]> {
    const { change, needs } = planChange(this, this.inForce, {
      isOver: (name) => this.over.has(name),
      isRefused: (config) => this.refused.has(config),
      hasCodec: (_, digest) => this.modules.has(digest),
      codecWaitMs: 15_000,
    })
    this.needs = needs
    this.inForce.apply(change)
    return inWords(change)
  }
}

function inWords(change: ConfigChange): Record<string, readonly string[]> {
  const words = {
    clusters: change.clusters.map(({ name }) => name),
    endpoints: change.endpoints.map(({ cluster }) => cluster),
    routes: change.routes.map(({ key }) => key),
    listeners: change.listeners.map(({ name }) => name),
    listenersRemoved: change.listenersRemoved,
    routesRemoved: change.routesRemoved,
    clustersRemoved: change.clustersRemoved,
  }
  return Object.fromEntries(Object.entries(words).filter(([, names]) => names.length > 0))
}

test('a listener waits for the cluster that a filter of it asks, which stays as long as it is asked', () => {
  const parsed = { grpcService: { cluster: 'limits' } }
  const asking = listener('l', { filters: [{ name: 'limit', typeUrl: 'x/Limit', config: {}, parsed }] })
  const story = new Story().want(asking)
  assert.deepEqual(story.step(), {})
  assert.deepEqual([...story.needs.keys()], [need('cluster', 'limits')])
  assert.deepEqual(story.want(staticCluster('limits', [1])).step(), { clusters: ['limits'], listeners: ['l'] })
  story.clusters.delete('limits')
  assert.deepEqual(story.step(), {})
  story.listeners.delete('l')
  assert.deepEqual(story.step(), { listenersRemoved: ['l'], clustersRemoved: ['limits'] })
})

describe('a cluster', () => {
  test('with endpoints of its own comes at once', () => {
    assert.deepEqual(new Story().want(staticCluster('a', [1])).step(), { clusters: ['a'] })
  })

  test('waits for the endpoints that come by themselves, and comes with them', () => {
    const story = new Story().want(edsCluster('a'))
    assert.deepEqual(story.step(), {})
    assert.deepEqual(story.needs, new Map([[need('endpoints', 'a'), 15_000]]))
    assert.deepEqual(story.give('a', 1).step(), { clusters: ['a'], endpoints: ['a'] })
    assert.deepEqual(story.step(), {})
    assert.equal(story.needs.size, 0)
    assert.deepEqual(story.give('a', 1, 2).step(), { endpoints: ['a'] })
  })

  test('comes without endpoints when it has waited long enough, and still needs them', () => {
    const story = new Story().want(edsCluster('a'))
    story.over.add(need('endpoints', 'a'))
    assert.deepEqual(story.step(), { clusters: ['a'] })
    assert.ok(story.needs.has(need('endpoints', 'a')))
    assert.deepEqual(story.give('a', 1).step(), { endpoints: ['a'] })
  })

  test('that moves to other endpoints stays as it was until they are there', () => {
    const story = new Story().want(edsCluster('a')).give('a', 1)
    story.step()
    const moved = { ...edsCluster('a'), eds: { serviceName: 'other', source: ADS } }
    assert.deepEqual(story.want(moved).step(), {})
    assert.deepEqual(story.give('other', 2).step(), { clusters: ['a'], endpoints: ['a'] })
  })

  test('of the bootstrap is never removed', () => {
    const story = new Story()
    story.step()
    assert.ok(story.inForce.clusters.has('xds'))
  })

  test('that the data plane has refused is left out', () => {
    const cluster = staticCluster('a', [1])
    const story = new Story().want(cluster)
    story.refused.add(cluster)
    assert.deepEqual(story.step(), {})
    story.refused.clear()
    assert.deepEqual(story.step(), { clusters: ['a'] })
  })
})

describe('a listener', () => {
  test('waits for its routes, and these for the clusters that they lead to', () => {
    const story = new Story().want(edsCluster('a'), rdsListener('l'))
    assert.deepEqual(story.step(), {})
    assert.deepEqual(
      story.needs,
      new Map([
        [need('endpoints', 'a'), 15_000],
        [need('routes', 'l'), 15_000],
      ]),
    )
    assert.deepEqual(story.route('l', 'a').step(), {})
    assert.deepEqual(story.give('a', 1).step(), {
      clusters: ['a'],
      endpoints: ['a'],
      routes: ['ads/l'],
      listeners: ['l'],
    })
  })

  test('goes without routes when it has waited long enough', () => {
    const story = new Story().want(rdsListener('l'))
    story.over.add(need('routes', 'l'))
    assert.deepEqual(story.step(), { listeners: ['l'] })
    story.want(staticCluster('a', [1])).route('l', 'a')
    assert.deepEqual(story.step(), { clusters: ['a'], routes: ['ads/l'] })
  })

  test('shares its routes with those that ask the same source for the same name', () => {
    const [one, two] = [listener('one', rds('shared')), listener('two', rds('shared'))]
    const story = new Story().want(one, two, staticCluster('a', [1])).route('shared', 'a')
    assert.deepEqual(story.step(), { clusters: ['a'], routes: ['ads/shared'], listeners: ['one', 'two'] })
    story.listeners.delete('one')
    assert.deepEqual(story.step(), { listenersRemoved: ['one'] })
    story.listeners.delete('two')
    assert.deepEqual(story.step(), { listenersRemoved: ['two'], routesRemoved: ['ads/shared'] })
  })

  test('waits for the module that brings its codec, and never goes without', () => {
    const codec = { name: 'test.codec', options: undefined, moduleDigest: DIGEST }
    const story = new Story().want(listener('l', { codec }))
    assert.deepEqual(story.step(), {})
    story.over.add(need('codec', 'l'))
    assert.deepEqual(story.step(), {})
    assert.deepEqual(story.needs, new Map([[need('codec', 'l'), 15_000]]))
    story.modules.add(DIGEST)
    assert.deepEqual(story.step(), { listeners: ['l'] })
  })

  test('with routes of its own waits for the clusters among them', () => {
    const story = new Story().want(edsCluster('a'), listener('l', { routes: table('t', 'a') }))
    assert.deepEqual(story.step(), {})
    assert.deepEqual(story.give('a', 1).step(), { clusters: ['a'], endpoints: ['a'], listeners: ['l'] })
  })

  test('that changes what it needs stays as it was until that is there', () => {
    const story = new Story().want(staticCluster('a', [1]), rdsListener('l')).route('l', 'a')
    story.step()
    assert.deepEqual(story.want(listener('l', rds('other'))).step(), {})
    assert.deepEqual(story.route('other', 'a').step(), {
      routes: ['ads/other'],
      listeners: ['l'],
      routesRemoved: ['ads/l'],
    })
  })
})

describe('routes', () => {
  test('to a cluster that nobody has announced wait for it for a moment', () => {
    const story = new Story().want(staticCluster('a', [1]), rdsListener('l')).route('l', 'a')
    story.step()
    assert.deepEqual(story.route('l', 'a', 'b').step(), {})
    assert.deepEqual(story.needs, new Map([[need('cluster', 'b'), 2_000]]))
    story.over.add(need('cluster', 'b'))
    assert.deepEqual(story.step(), { routes: ['ads/l'] })
  })

  test('never lead away from a cluster before the other one is there, nor leave one that is gone', () => {
    const story = new Story().want(staticCluster('old', [1]), rdsListener('l')).route('l', 'old')
    story.step()
    story.clusters.delete('old')
    story.want(edsCluster('new')).route('l', 'new')
    assert.deepEqual(story.step(), {})
    assert.ok(story.inForce.clusters.has('old'))
    assert.deepEqual(story.give('new', 2).step(), {
      clusters: ['new'],
      endpoints: ['new'],
      routes: ['ads/l'],
      clustersRemoved: ['old'],
    })
  })

  test('keep a removed cluster for as long as anything copies requests to it', () => {
    const story = new Story().want(staticCluster('a', [1]), staticCluster('m', [2]), rdsListener('l'))
    const [route] = table('l', 'a').routes
    if (route === undefined) assert.fail()
    const mirrored = { ...route, mirrors: [{ cluster: 'm', numerator: 1, denominator: 100 as const }] }
    story.routes.set('ads/l', { name: 'l', routes: [mirrored] })
    story.step()
    story.clusters.delete('m')
    assert.deepEqual(story.step(), {})
    assert.deepEqual(story.route('l', 'a').step(), { routes: ['ads/l'], clustersRemoved: ['m'] })
  })

  test('of another source are others', () => {
    const story = new Story().want(staticCluster('a', [1]), rdsListener('l', RDS)).route('l', 'a')
    assert.deepEqual(story.step(), { clusters: ['a'] })
    story.routes.set('grpc:xds/l', table('l', 'a'))
    assert.deepEqual(story.step(), { routes: ['grpc:xds/l'], listeners: ['l'] })
  })
})

test('where all that is wanted is in force there is nothing to change', () => {
  const story = new Story().want(staticCluster('a', [1]), rdsListener('l')).route('l', 'a')
  story.step()
  const { change } = planChange(story, story.inForce, {
    isOver: () => false,
    isRefused: () => false,
    hasCodec: () => true,
    codecWaitMs: 0,
  })
  assert.deepEqual(change, NO_CHANGE)
})

function rds(routeConfigName: string) {
  const config = { routeConfigName, source: ADS }
  assert.equal(rdsKey(config), `ads/${routeConfigName}`)
  return { rds: config }
}
