import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorldBuilder } from '../store/build-world.ts'
import type { ServiceView } from '../store/world.ts'
import { byKey, resources, WORLD_OPTIONS } from '../testing/resources.ts'
import { localMetrics, memoryLogger } from '../testing/silent.ts'
import { buildSnapshot, tryTarget } from './build-snapshot.ts'
import { patchSnapshot } from './patch-snapshot.ts'
import { scopeOf } from './scope.ts'
import { ServiceTranslator } from './service-translator.ts'

const HOST = 'a.default.svc.cluster.local'
const SCOPE = scopeOf({ id: 'x', metadata: {} })

interface Words {
  readonly address?: string
  readonly port?: number
  readonly to?: string
  readonly weight?: number
  readonly created?: string
}

function words({ address = '10.0.0.1', port = 9090, to = 'a', weight = 30, created = '' }: Words): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: a, creationTimestamp: '${created}' }
spec:
  hosts: [${HOST}]
  ports: [{ number: ${port}, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
  endpoints: [{ address: ${address} }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: a }
spec:
  hosts: [${HOST}]
  routes:
    - name: all
      route:
        - { destination: { host: ${HOST} }, weight: ${weight} }
        - { destination: { host: ${to}.default.svc.cluster.local }, weight: ${100 - weight} }
`
}

/** The types of which the patched content has other resources; undefined: it was not patched. */
function patchedTypes(before: Words, after: Words): readonly string[] | undefined {
  const builder = new WorldBuilder(WORLD_OPTIONS)
  const translator = new ServiceTranslator({ listenHost: '127.0.0.1', logger: memoryLogger(), metrics: localMetrics() })
  const resourcesOf = (view: ServiceView) => translator.translate(view).resources
  const apply = (text: string) => builder.apply({ set: byKey(resources(text)), deleted: [], modules: new Map() })
  const content = buildSnapshot(apply(words(before)), SCOPE, resourcesOf)
  const world = apply(words(after))
  const patched = patchSnapshot(content, world.changedHosts, (host) => tryTarget(host, world, SCOPE), resourcesOf)
  if (patched === undefined) return undefined
  assert.deepEqual(patched.resources, buildSnapshot(world, SCOPE, resourcesOf).resources)
  return Object.entries(patched.resources).flatMap(([type, map]) =>
    map === content.resources[type as keyof typeof content.resources] ? [] : [type],
  )
}

test('what is the own of a service is replaced, and the rest are the same objects', () => {
  assert.deepEqual(patchedTypes({}, { address: '10.0.0.2' }), ['endpoint'])
  assert.deepEqual(patchedTypes({}, { weight: 40 }), ['route'])
  assert.deepEqual(patchedTypes({}, {}), [])
})

test('what concerns other services, too, is not patched', () => {
  assert.equal(patchedTypes({}, { port: 9091 }), undefined)
  assert.equal(patchedTypes({}, { to: 'b' }), undefined)
  assert.equal(patchedTypes({}, { created: '2026-01-01T00:00:00Z' }), undefined)
})
