import type { RedisConnectionSettings, RedisDestination, RedisTcpSettings } from '@meltemi/api'
import { tryParseDuration } from '@meltemi/api'
import { clusterName } from '../names.ts'
import { durationJson } from './duration-json.ts'
import type { ClusterValue } from './envoy-filter.ts'
import { inline, type RedisContext } from './redis-value.ts'

type Json = Readonly<Record<string, unknown>>

const REDIS_PROXY = 'envoy.filters.network.redis_proxy'
const PROTOCOL_OPTIONS = 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions'
const TYPED_STRUCT = 'type.googleapis.com/udpa.type.v1.TypedStruct'
const METADATA_EXCHANGE = 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange'
/** By which newer Envoys know it, and not by its name. */
const RAW_BUFFER = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
const CONNECT_TIMEOUT = '10s'
const ANY_NUMBER = 4_294_967_295
/** Of a ServiceEntry that Aeraki has made of a Service. */
const SYNTHETIC = /^synthetic-/

/** The cluster of a port, in the place of Istio's: keys are shared by hash, and nothing is encrypted. Throws where a Secret cannot be had. */
export function redisCluster(context: RedisContext): ClusterValue {
  const { view, port, redis } = context
  const destination = redis.destinationOf(view)
  const { tcp = {}, redis: settings = {} } = destination?.spec.trafficPolicy?.connectionPool ?? {}
  const name = clusterName(view.host, port.number)
  return {
    name,
    connectTimeout: durationJson(tcp.connectTimeout ?? CONNECT_TIMEOUT),
    ...(settings.mode === 'CLUSTER' ? membersOf(name, settings, context) : sharedByHash()),
    circuitBreakers: { thresholds: [thresholdsOf(tcp)] },
    ...keepaliveOf(tcp),
    ...loginOf(settings, destination, context),
    ...forIstio(context),
  }
}

function sharedByHash(): Json {
  return { type: 'EDS', edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } }, lbPolicy: 'MAGLEV' }
}

/** A cluster of Redis says itself who else there is, and who has which keys. */
function membersOf(
  clusterName: string,
  { discoveryEndpoints = [] }: RedisConnectionSettings,
  context: RedisContext,
): Json {
  const { view, port } = context
  const asked = discoveryEndpoints.length === 0 ? [view.host] : discoveryEndpoints
  const lbEndpoints = asked.map((each) => ({ endpoint: { address: { socketAddress: addressOf(each, port.number) } } }))
  return {
    clusterType: { name: 'envoy.clusters.redis' },
    lbPolicy: 'CLUSTER_PROVIDED',
    loadAssignment: { clusterName, endpoints: [{ lbEndpoints }] },
  }
}

/** `host`, `host:port` or `[address]:port`. */
function addressOf(text: string, port: number): Json {
  const [, host = text, written] = /^(.*?)(?::(\d+))?$/.exec(text) ?? []
  return { address: host.replace(/^\[(.*)\]$/, '$1'), portValue: written === undefined ? port : Number(written) }
}

function thresholdsOf({ maxConnections = ANY_NUMBER }: RedisTcpSettings): Json {
  return { maxConnections, maxPendingRequests: ANY_NUMBER, maxRequests: ANY_NUMBER, maxRetries: ANY_NUMBER }
}

function keepaliveOf({ tcpKeepalive }: RedisTcpSettings): Json {
  if (tcpKeepalive === undefined) return {}
  const { probes, time, interval } = tcpKeepalive
  const settings = {
    ...(probes === undefined ? {} : { keepaliveProbes: probes }),
    ...(time === undefined ? {} : { keepaliveTime: wholeSeconds(time) }),
    ...(interval === undefined ? {} : { keepaliveInterval: wholeSeconds(interval) }),
  }
  return { upstreamConnectionOptions: { tcpKeepalive: settings } }
}

function wholeSeconds(text: string): number {
  return Math.trunc((tryParseDuration(text) ?? 0) / 1000)
}

function loginOf(
  { auth }: RedisConnectionSettings,
  destination: RedisDestination | undefined,
  context: RedisContext,
): Json {
  if (auth === undefined || destination === undefined) return {}
  const { username, password } = context.redis.login(auth, destination.metadata.namespace)
  const options = {
    '@type': PROTOCOL_OPTIONS,
    ...inline('authPassword', password),
    ...inline('authUsername', username),
  }
  return { typedExtensionProtocolOptions: { [REDIS_PROXY]: options } }
}

/** What Istio's own clusters have; but Envoy's RedisProxy knows no mutual TLS, so workloads get what is not encrypted. */
function forIstio({ view, port }: RedisContext): Json {
  const { host, namespace, origin } = view
  const services = [{ host, name: origin.metadata.name.replace(SYNTHETIC, ''), namespace }]
  const exchange = { '@type': TYPED_STRUCT, type_url: METADATA_EXCHANGE, value: { protocol: 'istio-peer-exchange' } }
  return {
    metadata: { filterMetadata: { istio: { default_original_port: port.number, services } } },
    filters: [{ name: 'istio.metadata_exchange', typedConfig: exchange }],
    transportSocketMatches: [
      {
        name: 'tlsMode-disabled',
        transportSocket: { name: 'envoy.transport_sockets.raw_buffer', typedConfig: { '@type': RAW_BUFFER } },
      },
    ],
  }
}
