import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { type BootstrapResult, parseBootstrap } from '../parse-bootstrap.ts'
import { parseScalar, WRAPPERS } from '../schema/read-scalar.ts'
import { findMessageType, typeNameOf } from '../schema/type-registry.ts'
import type { ValidateOptions } from './convert-context.ts'
import { noOps } from './no-ops.ts'

type Json = { [key: string]: unknown }

interface Instance {
  readonly type: DescMessage
  /** Steps from the root of the fixture. */
  readonly steps: readonly (string | number)[]
  readonly path: string
}

const options: ValidateOptions = { codecs: new Map([['test.codec', { mutation: 'both', validate: () => [] }]]) }
const base = parse(everyAcceptedMessage())
const instances = findInstances(BootstrapSchema, everyAcceptedMessage(), [], '')

describe('no field is accepted and ignored', () => {
  test('the configuration that each field is tried on is accepted', () => assert.deepEqual(base.problems, []))

  for (const type of new Set(instances.map((instance) => instance.type))) {
    test(`each field of ${type.typeName} has an effect, is refused, or is a documented no-op`, () => {
      const ignored = instances.filter((instance) => instance.type === type).flatMap(findIgnored)
      assert.deepEqual(ignored, [])
    })
  }

  for (const noOp of noOps) {
    test(`${noOp.message}.${noOp.field} is documented as a no-op: accepted, without effect`, () => {
      const instance = instances.findLast(({ type }) => type.typeName === noOp.message)
      const field = instance?.type.fields.find((each) => each.name === noOp.field)
      assert.ok(instance !== undefined && field !== undefined)
      for (const value of otherValues(field, undefined))
        assert.deepEqual(parse(change(instance, field, value)).config, base.config)
    })
  }
})

function parse(json: Json): BootstrapResult {
  return parseBootstrap(JSON.stringify(json), 'test.json', options)
}

function findIgnored(instance: Instance): readonly string[] {
  return instance.type.fields
    .filter((field) => !isNoOp(instance.type, field))
    .filter((field) => isIgnored(instance, field))
    .map((field) => `${instance.path}.${field.name}`)
}

function isNoOp(type: DescMessage, field: DescField): boolean {
  return noOps.some((noOp) => noOp.message === type.typeName && noOp.field === field.name)
}

/** Neither another value nor, where the fixture has one, its absence makes a difference. */
function isIgnored(instance: Instance, field: DescField): boolean {
  const given = valueAt(everyAcceptedMessage(), instance.steps)[field.name]
  if (given !== undefined && !hasEffect(instance, field, undefined)) return true
  if (given !== undefined && typeof given === 'object') return false
  return !otherValues(field, given).some((value) => hasEffect(instance, field, value))
}

function hasEffect(instance: Instance, field: DescField, value: unknown): boolean {
  const result = parse(change(instance, field, value))
  if (result.config !== undefined) return !isDeepStrictEqual(result.config, base.config)
  if (value === undefined) return true
  // "… is required" complains about what is not there, and refuses nothing that is.
  const path = instance.path === '' ? field.name : `${instance.path}.${field.name}`
  const errors = result.problems.filter(
    (problem) => problem.severity === 'error' && !problem.message.includes('is required'),
  )
  return errors.some((problem) => problem.path.startsWith(path))
}

function change(instance: Instance, field: DescField, value: unknown): Json {
  const json = everyAcceptedMessage()
  const target = valueAt(json, instance.steps)
  for (const sibling of field.oneof?.fields ?? []) delete target[sibling.name]
  if (value === undefined) delete target[field.name]
  else target[field.name] = value
  return json
}

function otherValues(field: DescField, given: unknown): readonly unknown[] {
  const elements = elementValues(field)
  if (field.fieldKind === 'list') return [elements]
  if (field.fieldKind === 'map') return [{ key: elements[0] }]
  return elements.filter((value) => value !== given)
}

type Element = {
  readonly message?: DescMessage | undefined
  readonly enum?: unknown
  readonly scalar?: number | undefined
}

/** Plausible values of one element; a BoolValue's default cannot be known, so both are tried. */
function elementValues(field: DescField): readonly unknown[] {
  if (field.enum !== undefined) return field.enum.values.map((value) => value.name)
  const element = field as Element
  const scalar = element.message === undefined ? element.scalar : WRAPPERS.get(element.message.typeName)
  if (scalar !== undefined) {
    const place = { line: 0, column: 0 }
    return ['127.0.0.7', 7n, 0n, true, false]
      .filter((value) => parseScalar(scalar, { kind: 'scalar', place, value }).kind === 'value')
      .map((value) => (typeof value === 'bigint' ? Number(value) : value))
  }
  switch (element.message?.typeName) {
    case 'google.protobuf.Duration':
      return ['7s']
    case 'google.protobuf.Any':
      return [{ '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 1 } }]
    case 'google.protobuf.Struct':
      return [{ a: 1 }]
    default:
      return [exampleOf(element.message)]
  }
}

/** A message that the fixture has elsewhere is tried as it is there; of others, that they are there must be refused. */
function exampleOf(type: DescMessage | undefined): Json {
  const instance = instances.find((each) => each.type === type)
  return instance === undefined ? {} : valueAt(everyAcceptedMessage(), instance.steps)
}

/** Every message in the fixture, with the descriptor it is read by. */
function findInstances(type: DescMessage, json: Json, steps: Instance['steps'], path: string): readonly Instance[] {
  const found: Instance[] = [{ type, steps, path }]
  for (const field of type.fields) {
    const value = json[field.name]
    if (value === undefined || field.message === undefined) continue
    const fieldPath = path === '' ? field.name : `${path}.${field.name}`
    const items = Array.isArray(value) ? value : [value]
    items.forEach((item, index) => {
      const isList = Array.isArray(value)
      const itemSteps = isList ? [...steps, field.name, index] : [...steps, field.name]
      const itemType = messageOf(field.message as DescMessage, item)
      if (itemType !== undefined)
        found.push(...findInstances(itemType, item, itemSteps, isList ? `${fieldPath}[${index}]` : fieldPath))
    })
  }
  return found
}

function messageOf(type: DescMessage, item: unknown): DescMessage | undefined {
  if (type.typeName === 'google.protobuf.Any') return findMessageType(typeNameOf(String((item as Json)['@type'])))
  return type.typeName.startsWith('google.protobuf.') ? undefined : type
}

function valueAt(json: Json, steps: Instance['steps']): Json {
  let value: unknown = json
  for (const step of steps) value = (value as Json)[step]
  return value as Json
}

/** A bootstrap in which each message that the loader accepts occurs, with proto names; a fresh copy each time. */
function everyAcceptedMessage(): Json {
  return {
    node: { id: 'id', cluster: 'cluster', metadata: { NAME: 'name' } },
    admin: { address: address('127.0.0.1', 15000) },
    static_resources: {
      listeners: [metaProtocolListener(), tcpListener()],
      clusters: [
        cluster('one', {
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 100, maximum_ring_size: 1000 },
        }),
        cluster('two', { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 251 } }),
        cluster('three', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 3 } }, false),
        cluster('four', {}, false),
      ],
    },
    layered_runtime: {
      layers: [{ name: 'static', static_layer: { 'envoy.resource_limits.listener.tcp.connection_limit': 3 } }],
    },
    bootstrap_extensions: [
      { name: 'modules', typed_config: { '@type': 'type.googleapis.com/meltemi.v1.Modules', files: ['./codec.ts'] } },
    ],
  }
}

function metaProtocolListener(): Json {
  return {
    name: 'meta',
    address: address('127.0.0.1', 9090),
    traffic_direction: 'INBOUND',
    per_connection_buffer_limit_bytes: 1000,
    listener_filters: [
      {
        name: 'envoy.filters.listener.proxy_protocol',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
        },
      },
    ],
    filter_chains: [{ filters: [{ name: 'any', typed_config: metaProtocolProxy() }] }],
  }
}

function metaProtocolProxy(): Json {
  return {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'prefix',
    protocol: {
      name: 'test',
      codec: { name: 'test.codec', config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 2 } } },
      multiplexing: true,
    },
    idle_timeout: '5s',
    route_config: { name: 'table', routes: [{ name: 'route', match: { metadata: matchers() }, ...route() }] },
    max_message_bytes: 100,
    max_in_flight_per_connection: 2,
    request_timeout: '5s',
    max_downstream_buffer: 100,
    generate_request_id: true,
    partial_message_timeout: '5s',
  }
}

function route(): Json {
  const clusters = [
    { name: 'one', weight: 1 },
    { name: 'two', weight: 2 },
  ]
  return {
    route: { weighted_clusters: { clusters }, hash_policy: ['key'], timeout: '5s' },
    request_mutation: [{ key: 'a', value: 'b' }],
    response_mutation: [{ key: 'a', value: 'b' }],
    request_remove: ['c'],
    response_remove: ['c'],
  }
}

function matchers(): readonly Json[] {
  return [
    { name: 'f', safe_regex_match: { regex: 'b+' } },
    { name: 'a', string_match: { exact: 'a' }, invert_match: true },
    { name: 'b', string_match: { safe_regex: { regex: 'a+' } } },
    { name: 'c', range_match: { start: 1, end: 4 }, treat_missing_header_as_empty: true },
    { name: 'd', exact_match: 'd' },
    { name: 'e' },
  ]
}

function tcpListener(): Json {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    weighted_clusters: { clusters: [{ name: 'one', weight: 2 }] },
    idle_timeout: '5s',
    max_connect_attempts: 2,
  }
  return {
    name: 'tcp',
    address: address('127.0.0.1', 9091),
    filter_chains: [{ filters: [{ name: 'any', typed_config }] }],
  }
}

function cluster(name: string, settings: Json, isHashing = true): Json {
  const common_lb_config = {
    healthy_panic_threshold: { value: 10 },
    ...(isHashing ? { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } : {}),
  }
  return {
    name,
    alt_stat_name: `${name}-stat`,
    type: 'STRICT_DNS',
    dns_refresh_rate: '6s',
    connect_timeout: '6s',
    per_connection_buffer_limit_bytes: 1000,
    circuit_breakers: {
      thresholds: [{ max_connections: 1, max_pending_requests: 2, max_requests: 3, max_retries: 4 }],
    },
    common_lb_config,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint(9000)] }] },
    ...settings,
  }
}

function address(host: string, port: number): Json {
  return { socket_address: { address: host, port_value: port } }
}
function endpoint(port: number): Json {
  return {
    endpoint: { address: address('127.0.0.1', port), hostname: 'host' },
    health_status: 'UNHEALTHY',
    load_balancing_weight: 3,
  }
}
