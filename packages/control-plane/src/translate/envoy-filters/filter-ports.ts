import { envoyProtocolOfPort, protocolOfPort } from '@meltemi/api'
import type { ServiceView } from '../../store/world.ts'
import { statPrefix } from '../names.ts'
import type { ClusterValue, FilterKind, NetworkFilter } from './envoy-filter.ts'
import { inboundStatPrefix, inboundValue, outboundValue } from './meta-protocol-value.ts'
import { type NativeOptions, nativePort } from './native-port.ts'
import type { RedisInputs } from './redis-inputs.ts'
import { redisPort } from './redis-port.ts'

type Value = NetworkFilter['typed_config']['value']

/** Second words of the names of ports, besides `metaprotocol`. */
const KINDS: ReadonlySet<string | undefined> = new Set<FilterKind>(['kafka', 'zookeeper', 'dubbo', 'thrift', 'redis'])
const NATIVE: ReadonlySet<FilterKind | undefined> = new Set(['dubbo', 'thrift'])

/** A port of a service that gets filters, and what these are told. */
export interface FilterPort {
  readonly number: number
  readonly kind: FilterKind
  readonly outbound: () => Value
  readonly inbound: (workloadPort: number) => Value
  /** In front of clients in the place of Istio's; undefined: that stays. */
  readonly cluster?: () => ClusterValue
  /** What they do not say, for people; default: nothing. */
  readonly notes?: readonly string[]
}

/** What is made of ports besides their service. */
export interface FilterPortsOptions extends NativeOptions {
  /** Default: no resource says anything of Redis. */
  readonly redis?: RedisInputs
}

/** Ports of our protocols, and those whose traffic Envoy itself can count or route. */
export function filterPorts(view: ServiceView, options: FilterPortsOptions): readonly FilterPort[] {
  return view.ports.flatMap((port): readonly FilterPort[] => {
    const { name, number, protocol } = port
    if (protocol !== undefined) {
      const context = { view, port: number, protocol, mesh: options.mesh }
      const inbound = (workloadPort: number) => inboundValue(context, workloadPort)
      return [{ number, kind: 'metaprotocol', outbound: () => outboundValue(context), inbound }]
    }
    const kind = kindOf(name)
    if (kind === undefined || kind === 'metaprotocol') return []
    if (kind === 'redis') return [redisPort(view, port, options.redis)]
    if (kind === 'dubbo' || kind === 'thrift') return [nativePort(kind, view, number, options)]
    const outbound = () => ({ statPrefix: statPrefix(view.host, number) })
    return [{ number, kind, outbound, inbound: () => ({ statPrefix: inboundStatPrefix(number) }) }]
  })
}

/** Its filters are made of other things besides itself. */
export function hasRedis({ ports }: ServiceView): boolean {
  return ports.some(({ name, protocol }) => protocol === undefined && kindOf(name) === 'redis')
}

/** Ports by whose name a protocol is meant that nobody knows, or that is carried by something else than TCP. */
export function refusedPorts({ origin, ports }: ServiceView): readonly number[] {
  const named =
    origin.kind === 'ServiceEntry'
      ? (origin.spec.ports ?? []).map(({ name, number }) => ({ name, number }))
      : (origin.spec.ports ?? []).map(({ name = '', port }) => ({ name, number: port }))
  const served = new Set(ports.map(({ number }) => number))
  return named.filter(({ name, number }) => hasFilters(name) && !served.has(number)).map(({ number }) => number)
}

/** By the name of a port, whoever knows its protocol. */
export function hasFilters(portName: string): boolean {
  return kindOf(portName) !== undefined
}

/** VirtualServices decide about it. */
export function hasNativePort({ ports }: ServiceView): boolean {
  return ports.some(({ name, protocol }) => protocol === undefined && NATIVE.has(kindOf(name)))
}

/** `tcp-<kind>`, with anything after another hyphen. */
function kindOf(portName: string): FilterKind | undefined {
  if (protocolOfPort(portName, new Set()).kind !== 'none') return 'metaprotocol'
  const kind = envoyProtocolOfPort(portName)
  return KINDS.has(kind) ? (kind as FilterKind) : undefined
}
