import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { create, createRegistry, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { anyPack, EmptySchema } from '@bufbuild/protobuf/wkt'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { CodecModuleSchema } from '../gen/meltemi/v1/codec_module_pb.ts'
import { TypedStructSchema } from '../gen/udpa/type/v1/typed_struct_pb.ts'
import type { MetaProtocolConfig, Problem } from '../model/index.ts'
import { typeRegistry } from '../schema/type-registry.ts'
import { parseCluster } from './parse-cluster.ts'
import { MAX_MODULE_BYTES, parseCodecModule } from './parse-codec-module.ts'
import { parseEndpoints } from './parse-endpoints.ts'
import { parseListener } from './parse-listener.ts'
import { MAX_RESOURCE_BYTES } from './parse-resource.ts'
import { parseRoutes } from './parse-routes.ts'
import type { ResourceContext } from './resource-context.ts'

const CONTEXT: ResourceContext = {
  options: {},
  sources: { hasAds: true, staticClusters: new Set(['xds']) },
  connectionLimits: new Map([['l', 7]]),
}
const registry = createRegistry(typeRegistry, TypedStructSchema, EmptySchema)
const PARSERS = [parseCluster, parseCodecModule, parseEndpoints, parseListener, parseRoutes]

describe('a resource in binary', () => {
  test('of a cluster whose endpoints come later', () => {
    const json = { name: 'c', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, connect_timeout: '0.25s' }
    const { name, value, problems } = parseCluster(clusterBytes(json), CONTEXT)
    assert.deepEqual(problems, [])
    assert.equal(name, 'c')
    assert.equal(value?.connectTimeoutMs, 250)
    assert.deepEqual(value?.eds, { serviceName: 'c', source: { kind: 'ads', initialFetchTimeoutMs: 15_000 } })
  })

  test('of endpoints, under the name of their service', () => {
    const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: 5 } } }
    const json = { cluster_name: 's', endpoints: [{ lb_endpoints: [{ endpoint, load_balancing_weight: 3 }] }] }
    const bytes = toBinary(ClusterLoadAssignmentSchema, fromJson(ClusterLoadAssignmentSchema, json as JsonValue))
    const { name, value } = parseEndpoints(bytes, CONTEXT)
    assert.equal(name, 's')
    assert.deepEqual(value, [{ address: { host: '127.0.0.1', port: 5 }, hostname: '', weight: 3, healthy: true }])
  })

  test('of a listener, with what Anys hold, and with the limit that the bootstrap has for it', () => {
    const { value, problems } = parseListener(listenerBytes(proxy({ module_digest: 'a'.repeat(64) })), CONTEXT)
    assert.deepEqual(problems, [])
    assert.equal(value?.maxConnections, 7)
    const filter = value?.filter as MetaProtocolConfig
    assert.deepEqual(filter.codec, { name: 'codec', options: undefined, moduleDigest: 'a'.repeat(64) })
    assert.equal(filter.rds?.routeConfigName, 'r')
  })

  test('says the same in a TypedStruct', () => {
    const { '@type': type_url, ...value } = proxy({})
    const struct = { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url, value }
    assert.deepEqual(
      parseListener(listenerBytes(struct), CONTEXT).value,
      parseListener(listenerBytes(proxy({})), CONTEXT).value,
    )
  })

  test('of a listener whose codec comes with it is not checked against the codecs that are here', () => {
    const options = { codecs: new Map([['other', {}]]) }
    assert.deepEqual(errorsOf(parseListener(listenerBytes(proxy({})), { ...CONTEXT, options })), [
      'filter_chains[0].filters[0].typed_config.protocol.codec.name: there is no codec "codec", known are: other',
    ])
    const delivered = listenerBytes(proxy({ module_digest: 'a'.repeat(64) }))
    assert.deepEqual(errorsOf(parseListener(delivered, { ...CONTEXT, options })), [])
  })
})

describe('what a resource may not be', () => {
  test('garbage is a problem for each kind, and never throws', () => {
    const garbage = [[0xff], [0x0a, 0x05, 0x01], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], Array<number>(500).fill(0x0b)]
    for (const parse of PARSERS) {
      for (const bytes of garbage) {
        const { name, value, problems } = parse(Uint8Array.from(bytes), CONTEXT)
        assert.equal(value, undefined)
        assert.equal(name, '')
        assert.match(problems[0]?.message ?? '', /^cannot be read as envoy\.config\..*: /)
      }
    }
  })

  test('empty', () => {
    for (const parse of PARSERS) assert.match(errorsOf(parse(new Uint8Array(), CONTEXT)).join(), /is required/)
  })

  test('too large', () => {
    const { problems } = parseCluster(new Uint8Array(MAX_RESOURCE_BYTES + 1), CONTEXT)
    assert.deepEqual(
      problems.map(({ message }) => message),
      [`has ${MAX_RESOURCE_BYTES + 1} bytes, more than ${MAX_RESOURCE_BYTES}`],
    )
  })

  test('with fields that nobody knows, unless that is allowed', () => {
    const bytes = Uint8Array.from([...clusterBytes({ name: 'c' }), 0xf8, 0x7f, 0x01])
    assert.deepEqual(errorsOf(parseCluster(bytes, CONTEXT)), ['2047: Cluster has no field with number 2047'])
    const allowing = parseCluster(bytes, { ...CONTEXT, options: { allowUnknownFields: true } })
    assert.equal(allowing.value?.name, 'c')
    assert.deepEqual(
      allowing.problems.map(({ severity, message }) => [severity, message]),
      [['warning', 'Cluster has no field with number 2047, it is ignored']],
    )
  })

  test('with settings that the proxy does not have, as in a file', () => {
    assert.deepEqual(errorsOf(parseCluster(clusterBytes({ name: 'c', track_cluster_stats: {} }), CONTEXT)), [
      'track_cluster_stats: track_cluster_stats is not supported yet',
    ])
  })

  test('with an Any of garbage or of a type that is not known', () => {
    const at = 'filter_chains[0].filters[0].typed_config'
    const withAny = (typeUrl: string, value: readonly number[]) => {
      const message = fromJson(ListenerSchema, listener({ '@type': 'type.googleapis.com/google.protobuf.Empty' }), {
        registry,
      })
      const config = message.filterChains[0]?.filters[0]?.configType
      if (config?.case !== 'typedConfig') assert.fail('no typed_config')
      Object.assign(config.value, { typeUrl, value: Uint8Array.from(value) })
      return errorsOf(parseListener(toBinary(ListenerSchema, message), CONTEXT))
    }
    const [first] = withAny('x/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy', [0xff])
    assert.match(
      first ?? '',
      /typed_config: cannot be read as aeraki\.meta_protocol_proxy\.v1alpha\.MetaProtocolProxy: /,
    )
    assert.deepEqual(withAny('x/a.B', [1, 2]), [`${at}: network filter a.B is not supported yet`])
    assert.match(withAny('', []).join(), /typed_config\.@type: expected a type URL/)
  })
})

describe('a codec module', () => {
  const source = Buffer.from('export const codecs = []')
  const digest = createHash('sha256').update(source).digest('hex')

  test('is taken when its digest is that of its source', () => {
    const { name, value, problems } = parseCodecModule(moduleBytes(digest, source), CONTEXT)
    assert.deepEqual(problems, [])
    assert.equal(name, 'a.codec')
    assert.deepEqual(value, { digest, source: source.toString() })
  })

  test('is refused with another digest, with none, and when it is too large', () => {
    const wrong = 'b'.repeat(64)
    assert.deepEqual(errorsOf(parseCodecModule(moduleBytes(wrong, source), CONTEXT)), [
      `typed_config.digest: the source has digest ${digest}`,
    ])
    assert.deepEqual(errorsOf(parseCodecModule(moduleBytes('', source), CONTEXT)), [
      'typed_config.digest: digest is required',
    ])
    const large = Buffer.alloc(MAX_MODULE_BYTES + 1, ' ')
    const largeDigest = createHash('sha256').update(large).digest('hex')
    assert.deepEqual(errorsOf(parseCodecModule(moduleBytes(largeDigest, large), CONTEXT)), [
      `typed_config.source: has ${MAX_MODULE_BYTES + 1} bytes, more than ${MAX_MODULE_BYTES}`,
    ])
  })

  test('is nothing else', () => {
    const typedConfig = anyPack(ClusterSchema, create(ClusterSchema, { name: 'c' }))
    const bytes = toBinary(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name: 'n', typedConfig }))
    assert.match(
      errorsOf(parseCodecModule(bytes, CONTEXT)).join(),
      /typed_config: expected a meltemi\.v1\.CodecModule, got a envoy\.config/,
    )
  })
})

function clusterBytes(json: object): Uint8Array {
  return toBinary(ClusterSchema, fromJson(ClusterSchema, json as JsonValue))
}

function proxy(codec: object): Record<string, unknown> {
  return {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 's',
    protocol: { name: 'p', codec: { name: 'codec', ...codec } },
    rds: { route_config_name: 'r', config_source: { ads: {} } },
  }
}

function listener(typed_config: object): JsonValue {
  return {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 1 } },
    filter_chains: [{ filters: [{ name: 'f', typed_config: typed_config as JsonValue }] }],
  }
}

function listenerBytes(typedConfig: object): Uint8Array {
  return toBinary(ListenerSchema, fromJson(ListenerSchema, listener(typedConfig), { registry }))
}

function moduleBytes(digest: string, source: Uint8Array): Uint8Array {
  const typedConfig = anyPack(CodecModuleSchema, create(CodecModuleSchema, { digest, source }))
  const message = create(TypedExtensionConfigSchema, { name: 'a.codec', typedConfig })
  return toBinary(TypedExtensionConfigSchema, message)
}

function errorsOf({ problems }: { readonly problems: readonly Problem[] }): readonly string[] {
  const found = problems.filter(({ severity }) => severity === 'error')
  return found.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
}
