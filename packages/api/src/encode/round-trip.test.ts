import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeCluster, encodeCodecModule, encodeEndpoints, encodeListener, encodeRoutes } from '../encode.ts'
import { parseCluster } from '../xds-resources/parse-cluster.ts'
import { parseCodecModule } from '../xds-resources/parse-codec-module.ts'
import { parseEndpoints } from '../xds-resources/parse-endpoints.ts'
import { parseListener } from '../xds-resources/parse-listener.ts'
import type { ParsedResource } from '../xds-resources/parse-resource.ts'
import { parseRoutes } from '../xds-resources/parse-routes.ts'
import type { ResourceContext } from '../xds-resources/resource-context.ts'
import { cluster, endpoint, listener, routeTable } from './testing/arbitraries.ts'

const CONTEXT: ResourceContext = {
  options: {},
  sources: { hasAds: true, staticClusters: new Set(['xds']) },
  connectionLimits: new Map(),
}

function assertRead<T>(parsed: ParsedResource<T>, name: string, expected: T): void {
  assert.deepEqual(
    parsed.problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  assert.equal(parsed.name, name)
  assert.deepEqual(parsed.value, structuredClone(expected))
}

test('a cluster is read as it was written', () => {
  fc.assert(
    fc.property(cluster, (config) => {
      assertRead(parseCluster(encodeCluster(config), CONTEXT), config.name, config)
    }),
  )
})

test('endpoints are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(endpoint, { maxLength: 5 }), (endpoints) => {
      assertRead(
        parseEndpoints(encodeEndpoints({ cluster: 'outbound|1||a', endpoints }), CONTEXT),
        'outbound|1||a',
        endpoints,
      )
    }),
  )
})

test('a listener is read as it was written', () => {
  fc.assert(
    fc.property(listener, (config) => {
      assertRead(parseListener(encodeListener(config), CONTEXT), config.name, config)
    }),
  )
})

test('routes are read as they were written', () => {
  fc.assert(
    fc.property(routeTable, (table) => {
      assertRead(parseRoutes(encodeRoutes(table), CONTEXT), table.name, table)
    }),
  )
})

test('a module of a codec is read as it was written', () => {
  const source = Buffer.from('export const codecs = []\n')
  const digest = createHash('sha256').update(source).digest('hex')
  const bytes = encodeCodecModule({ codec: 'my.codec', digest, source })
  assertRead(parseCodecModule(bytes, CONTEXT), 'my.codec', { digest, source: source.toString() })
})

test('what was written twice is the same to the byte', () => {
  fc.assert(
    fc.property(listener, routeTable, cluster, (a, b, c) => {
      assert.deepEqual(encodeListener(a), encodeListener(structuredClone(a)))
      assert.deepEqual(encodeRoutes(b), encodeRoutes(structuredClone(b)))
      assert.deepEqual(encodeCluster(c), encodeCluster(structuredClone(c)))
    }),
  )
})
