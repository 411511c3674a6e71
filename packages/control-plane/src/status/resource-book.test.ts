import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import type { BackendChange } from '../admin/backend.ts'
import { WorldBuilder } from '../store/build-world.ts'
import { ResourceStore } from '../store/merge.ts'
import { validateResource } from '../store/validate.ts'
import { placed, WORLD_OPTIONS } from '../testing/resources.ts'
import type { NodeInfo, ProxyStatus, TypeStatus } from '../xds/xds-resource.ts'
import { ResourceBook } from './resource-book.ts'

const HOST = 'a.default.svc.cluster.local'
const ENTRY = 'ServiceEntry/default/a'

function entry(port: string | number, name = 'a'): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [${name}.default.svc.cluster.local], ports: [{ number: ${port}, name: tcp }], resolution: STATIC }
`
}

/** A store, a world and proxies, whose status a book keeps. */
class Scene {
  readonly clock = new FakeClock()
  readonly book = new ResourceBook(this.clock)
  readonly told: BackendChange[] = []
  proxies: readonly ProxyStatus[] = []
  /** Version of the snapshot in which each service was first as it is, by host. */
  members = new Map<string, number>()
  readonly #store = new ResourceStore({ validate: validateResource, onChange: () => {}, onSynced: () => {} })
  readonly #sink = this.#store.sinkOf('files')
  readonly #builder = new WorldBuilder(WORLD_OPTIONS)

  constructor() {
    this.book.subscribe((change) => this.told.push(change))
  }

  put(yaml: string, deleted: readonly string[] = []): void {
    const read = yaml === '' ? [] : placed(yaml, 'a.yaml')
    this.#sink.change(new Map(read.map((each) => [each.key, each] as const)), deleted)
    this.update()
  }

  update(): void {
    const { set, deleted, touched } = this.#store.take()
    const world = this.#builder.apply({ set, deleted, modules: new Map() })
    this.book.update({
      world,
      entries: this.#store.entries,
      touched,
      notes: world.notes,
      problems: this.#store.problems(),
      proxies: this.proxies,
      membersOf: () => this.members,
    })
  }

  updateProxies(): void {
    this.book.updateProxies(this.#store.entries, this.proxies, () => this.members)
  }

  status(key = ENTRY) {
    return this.book.resources.get(key)?.status
  }

  /** `TYPE key` of what was told since the last call. */
  events(): readonly string[] {
    return this.told.splice(0).flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key}`))
  }
}

function proxy(id: string, types: readonly Partial<TypeStatus>[]): ProxyStatus {
  const node: NodeInfo = { id, cluster: '', metadata: {}, userAgent: '' }
  const base: TypeStatus = { type: 'cluster', state: 'synced', sentVersion: '1', ackedVersion: '1', error: '' }
  return { node, connectedAt: '', snapshotVersion: '9', types: types.map((each) => ({ ...base, ...each })) }
}

describe('what became of a resource', () => {
  test('is told when it comes, changes and goes', () => {
    const scene = new Scene()
    scene.put(entry(80))
    assert.deepEqual(scene.events(), [`ADDED ${ENTRY}`])
    assert.deepEqual(scene.status()?.conditions, [
      {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: '',
        lastTransitionTime: '2023-11-14T22:13:20.000Z',
      },
    ])
    assert.equal(scene.book.resources.get(ENTRY)?.origin, 'a.yaml:1')
    scene.put(entry(81))
    assert.deepEqual(scene.events(), [`MODIFIED ${ENTRY}`])
    scene.put(entry(81))
    assert.deepEqual(scene.events(), [])
    scene.put('', [ENTRY])
    assert.deepEqual(scene.events(), [`DELETED ${ENTRY}`])
    assert.equal(scene.book.resources.size, 0)
  })

  test('is that it is refused and why, and that the version before stays in force', () => {
    const scene = new Scene()
    scene.put(entry(80))
    scene.clock.advance(60_000)
    scene.put(entry(70_000))
    const condition = scene.status()?.conditions[0]
    assert.equal(condition?.status, 'False')
    assert.equal(condition?.reason, 'InvalidValue')
    assert.match(condition?.message ?? '', /^spec\.ports\[0\]\.number: .*; the version before stays in force$/)
    assert.equal(condition?.lastTransitionTime, '2023-11-14T22:14:20.000Z')
    assert.equal(scene.book.problems[0]?.line, 4)
    assert.ok(scene.told.at(-1)?.hasOtherProblems)
    scene.clock.advance(60_000)
    scene.put(entry(70_001))
    assert.equal(scene.status()?.conditions[0]?.lastTransitionTime, '2023-11-14T22:14:20.000Z')
  })

  test('that never was good is only that', () => {
    const scene = new Scene()
    scene.put(entry(70_000))
    assert.doesNotMatch(scene.status()?.conditions[0]?.message ?? '', /before/)
    assert.equal(scene.status()?.proxies, undefined)
  })

  test('shows beside others: a conflict comes and goes with the other one', () => {
    const scene = new Scene()
    const rule = (name: string) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: ${HOST} }
`
    scene.put([entry(80), rule('b')].join('---\n'))
    scene.events()
    scene.put(rule('a'))
    assert.deepEqual(scene.events(), ['ADDED DestinationRule/default/a', 'MODIFIED DestinationRule/default/b'])
    assert.equal(scene.status('DestinationRule/default/b')?.conditions[0]?.reason, 'DuplicateDestinationRule')
    assert.equal(scene.book.problems.length, 1)
    scene.put('', ['DestinationRule/default/a'])
    assert.equal(scene.status('DestinationRule/default/b')?.conditions[0]?.status, 'True')
    assert.deepEqual(scene.book.problems, [])
  })

  test('that several services say of one workload is said once', () => {
    const scene = new Scene()
    const selecting = (name: string) =>
      entry(80, name).replace('STATIC }', 'STATIC, workloadSelector: { labels: { app: x } } }')
    scene.put(`${selecting('a')}---
${selecting('b')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: w }
spec: { address: not-an-address, labels: { app: x } }
`)
    assert.equal(scene.book.problems.length, 1)
    const condition = scene.status('WorkloadEntry/default/w')?.conditions[0]
    assert.equal(condition?.message.match(/expected an IP address/g)?.length, 1)
  })

  test('that is only a warning is said, too', () => {
    const scene = new Scene()
    scene.put(entry(80).replace('[{', '[{ number: 53, name: dns, protocol: UDP }, {'))
    const condition = scene.status()?.conditions[0]
    assert.equal(condition?.status, 'True')
    assert.match(condition?.message ?? '', /only TCP/)
  })
})

describe('which proxies have it', () => {
  test('is counted from what they have confirmed, and told when it changes', () => {
    const scene = new Scene()
    scene.members.set(HOST, 5)
    scene.put(entry(80))
    assert.deepEqual(scene.status()?.proxies, { synced: 0, total: 0, notSynced: [] })
    scene.events()
    scene.proxies = [
      proxy('new', []),
      proxy('synced', [{}, { type: 'listener' }]),
      proxy('behind', [{}, { type: 'listener', state: 'stale', ackedVersion: '4' }]),
      proxy('behind-with-others', [{ state: 'stale', ackedVersion: '5' }]),
      proxy('against', [{ state: 'rejected', ackedVersion: '4', error: 'no such codec' }]),
    ]
    scene.updateProxies()
    assert.deepEqual(scene.status()?.proxies, {
      synced: 2,
      total: 5,
      notSynced: [
        { proxy: 'new', reason: 'has asked for nothing yet' },
        { proxy: 'behind', reason: 'has not confirmed it yet' },
        { proxy: 'against', reason: 'rejected: no such codec' },
      ],
    })
    assert.deepEqual(scene.events(), [`MODIFIED ${ENTRY}`])
    scene.updateProxies()
    assert.deepEqual(scene.events(), [])
    scene.proxies = []
    scene.updateProxies()
    assert.deepEqual(scene.status()?.proxies?.total, 0)
  })

  test('with several streams are those of which all have it', () => {
    const scene = new Scene()
    scene.members.set(HOST, 5)
    scene.proxies = [
      proxy('one', [{}]),
      proxy('one', [{ type: 'route', state: 'stale', ackedVersion: '' }]),
      proxy('two', [{}]),
      proxy('two', [{ type: 'route' }]),
    ]
    scene.put(entry(80))
    const status = scene.status()?.proxies
    assert.deepEqual([status?.synced, status?.total], [1, 2])
  })

  test('are of a resource that several services are made of those that see any of them', () => {
    const scene = new Scene()
    scene.put(`apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: mine }
---
${entry(80).replace('name: tcp', 'name: tcp-metaprotocol-mine')}---
${entry(80, 'b').replace('name: tcp', 'name: tcp-metaprotocol-mine')}`)
    scene.members = new Map([
      [HOST, 3],
      ['b.default.svc.cluster.local', 7],
    ])
    scene.proxies = [proxy('synced', [{}]), proxy('half', [{ state: 'stale', ackedVersion: '3' }])]
    scene.updateProxies()
    const protocol = scene.status('ApplicationProtocol//mine')?.proxies
    assert.deepEqual(protocol, {
      synced: 1,
      total: 2,
      notSynced: [{ proxy: 'half', reason: 'has not confirmed it yet' }],
    })
    assert.equal(scene.status()?.proxies?.synced, 2)
  })

  test('are not those that are still to be sent it', () => {
    const scene = new Scene()
    scene.members.set(HOST, 5)
    scene.proxies = [{ ...proxy('old', [{}]), snapshotVersion: '4' }]
    scene.put(entry(80))
    assert.equal(scene.status()?.proxies?.synced, 0)
  })

  test('are named only ten', () => {
    const scene = new Scene()
    scene.members.set(HOST, 5)
    scene.proxies = Array.from({ length: 30 }, (_, index) => proxy(`p${index}`, []))
    scene.put(entry(80))
    assert.equal(scene.status()?.proxies?.notSynced.length, 10)
    assert.equal(scene.status()?.proxies?.total, 30)
  })
})

test('who no longer wants to know is told nothing', () => {
  const scene = new Scene()
  let calls = 0
  const unsubscribe = scene.book.subscribe(() => calls++)
  scene.put(entry(80))
  unsubscribe()
  scene.put(entry(81))
  assert.equal(calls, 1)
})
