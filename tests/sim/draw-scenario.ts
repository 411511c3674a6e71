import type {
  CircuitBreakerConfig,
  ClusterConfig,
  LoadBalancerConfig,
  MetaProtocolConfig,
  ProxyConfig,
  RouteConfig,
  TcpProxyConfig,
  WeightedCluster,
} from '@meltemi/api/model'
import { addActions } from './add-actions.ts'
import { addBalance } from './add-balance.ts'
import { Draw } from './draw.ts'
import { drawDynamics } from './draw-changes.ts'
import { drawClient } from './draw-client.ts'
import { type FilterPlan, LISTEN, type Scenario, type ServicePlan } from './scenario.ts'
import type { NetworkWeather } from './virtual-network.ts'
import type { Wire } from './wire.ts'
import { WIRES } from './wires.ts'

const SERVICE_PORT = 8000
/** Clients begin nothing after this. */
export const TRAFFIC_END_MS = 3000
/** What a slow wire has not carried by then fails, since the services end. */
export const SERVICES_END_MS = TRAFFIC_END_MS + 5000

export function drawScenario(seed: number): Scenario {
  const draw = new Draw(seed, 1)
  const isTcp = draw.chance(0.1)
  const wire = isTcp ? (WIRES[0] as Wire) : draw.pick(WIRES)
  const multiplexing = draw.chance(0.65)
  const clusterCount = draw.int(1, 3)
  const isCalm = draw.chance(0.25)
  const services: ServicePlan[] = []
  const names: Scenario['names'][number][] = []
  const clusters = Array.from({ length: clusterCount }, (_, index) =>
    drawCluster({ draw, index, isCalm, services, names }),
  )
  const requestTimeoutMs = draw.pick([0, 200, 1000, 2000])
  const traffic = { draw, wire, isTcp, multiplexing, clusterCount, isCalm, drawsBig: draw.chance(0.2) }
  const clients = Array.from({ length: draw.int(1, 8) }, () => drawClient(traffic))
  const scenario = {
    seed,
    wire,
    isTcp,
    isCalm,
    weather: drawWeather(draw),
    services,
    names,
    clients,
    drainMs: draw.chance(0.15) ? draw.int(100, TRAFFIC_END_MS) : undefined,
    overload:
      !isCalm && draw.chance(0.1)
        ? { fromMs: draw.int(0, 1500), toMs: draw.int(1500, 3000), level: draw.int(1, 3) }
        : undefined,
    filter: !isTcp && draw.chance(0.7) ? drawFilter(draw, requestTimeoutMs, isCalm) : undefined,
  }
  // a stream of its own, so that all else is as it was
  const balancing = new Draw(seed, 6)
  const config: ProxyConfig = {
    node: { id: '', cluster: '', metadata: {} },
    admin: undefined,
    dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
    modules: [],
    clusters: clusters.map((cluster) => addBalance(cluster, balancing)),
    listeners: [drawListener(draw, { wire, isTcp, multiplexing, clusterCount, requestTimeoutMs })],
  }
  // so is this one
  const acting = isCalm || isTcp ? config : addActions(config, new Draw(seed, 7))
  return { ...scenario, ...drawDynamics(acting, { draw: new Draw(seed, 5), isCalm, endMs: TRAFFIC_END_MS }) }
}

function drawFilter(draw: Draw, requestTimeoutMs: number, isCalm: boolean): FilterPlan {
  const isActive = !isCalm && draw.chance(0.4)
  return {
    // a pause that never ends needs a timeout
    pauseShare: isActive && requestTimeoutMs > 0 ? 0.2 : 0,
    failShare: isActive ? 0.1 : 0,
    throwShare: isActive ? 0.05 : 0,
  }
}

function drawWeather(draw: Draw): NetworkWeather {
  // a small window on a long way would take hours
  const [windowBytes, ...delays] = draw.pick([
    [512, 0.5, 2],
    [4096, 0.5, 2, 10],
    [65_536, 0.5, 2, 20, 80],
    [1 << 20, 0.5, 2, 20, 80],
  ] as const)
  return {
    minDelayMs: draw.pick([0, 0.25]),
    maxDelayMs: draw.pick(delays),
    windowBytes,
    highWaterBytes: draw.pick([256, 16_384, 65_536]),
    splitShare: draw.pick([0, 0.1, 0.6]),
    deadPeerMs: draw.pick([1000, 4000]),
  }
}

interface ClusterDraw {
  readonly draw: Draw
  readonly index: number
  readonly isCalm: boolean
  readonly services: ServicePlan[]
  readonly names: Scenario['names'][number][]
}

function drawCluster({ draw, index, isCalm, services, names }: ClusterDraw): ClusterConfig {
  const isNamed = draw.chance(0.2)
  const host = `service${index}.test`
  const addresses = Array.from({ length: draw.int(1, 4) }, (_, at) => `10.0.${index}.${at + 1}`)
  for (const address of addresses) services.push(drawService(draw, address, isCalm))
  if (isNamed) {
    names.push({
      host,
      addresses: addresses.map((at) => ({
        host: at,
        untilMs: !isCalm && draw.chance(0.4) ? draw.int(300, 3000) : 1e9,
      })),
    })
  }
  const hosts = isNamed ? [host] : addresses
  return {
    name: `cluster${index}`,
    statName: `cluster${index}`,
    discovery: isNamed ? 'strict-dns' : 'static',
    dnsRefreshMs: draw.pick([200, 1000]),
    dnsLookupFamily: 'auto',
    endpoints: hosts.map((at) => ({
      address: { host: at, port: SERVICE_PORT },
      hostname: '',
      weight: draw.int(1, 3),
      healthy: isCalm || draw.chance(0.9),
    })),
    connectTimeoutMs: draw.pick([100, 500]),
    loadBalancer: drawLoadBalancer(draw),
    circuitBreaker: isCalm ? ROOMY : drawCircuitBreaker(draw),
    panicThresholdPercent: draw.pick([0, 50]),
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
    bufferLimitBytes: draw.pick([256, 16_384, 1 << 20, 1 << 20]),
  }
}

const ROOMY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 } as const

function drawCircuitBreaker(draw: Draw): CircuitBreakerConfig {
  return {
    maxConnections: draw.pick([1, 2, 4, 1024, 1024]),
    maxPendingRequests: draw.pick([1, 4, 1024, 1024]),
    maxRequests: draw.pick([2, 1024, 1024, 1024]),
    maxRetries: 3,
  }
}

function drawLoadBalancer(draw: Draw): LoadBalancerConfig {
  switch (draw.int(0, 4)) {
    case 0:
      return { kind: 'least-request', choiceCount: 2 }
    case 1:
      return { kind: 'random' }
    case 2:
      return { kind: 'ring-hash', minimumRingSize: 16, maximumRingSize: 64, useHostname: false }
    case 3:
      return { kind: 'maglev', tableSize: 31, useHostname: false }
    default:
      return { kind: 'round-robin' }
  }
}

function drawService(draw: Draw, host: string, isCalm: boolean): ServicePlan {
  const fromMs = draw.int(200, 2500)
  return {
    host,
    port: SERVICE_PORT,
    fate: isCalm || draw.chance(0.88) ? 'accepted' : draw.pick(['refused', 'lost'] as const),
    outage: !isCalm && draw.chance(0.15) ? { fromMs, toMs: fromMs + draw.int(50, 1000) } : undefined,
  }
}

interface ListenerDraw {
  readonly wire: Wire
  readonly isTcp: boolean
  readonly multiplexing: boolean
  readonly clusterCount: number
  readonly requestTimeoutMs: number
}

function drawListener(draw: Draw, on: ListenerDraw): ProxyConfig['listeners'][number] {
  return {
    name: 'listener',
    address: LISTEN,
    direction: 'unspecified',
    proxyProtocol: false,
    bufferLimitBytes: draw.pick([256, 16_384, 1 << 20, 1 << 20]),
    maxConnections: draw.pick([0, 0, 0, 3]),
    filter: on.isTcp ? drawTcpProxy(draw, on) : drawMetaProtocol(draw, on),
  }
}

function drawTcpProxy(draw: Draw, { clusterCount }: ListenerDraw): TcpProxyConfig {
  return {
    kind: 'tcp-proxy',
    statPrefix: 'sim',
    clusters: weighAll(draw, clusterCount),
    idleTimeoutMs: draw.pick([0, 300, 5000]),
    maxConnectAttempts: draw.int(1, 3),
  }
}

function drawMetaProtocol(draw: Draw, on: ListenerDraw): MetaProtocolConfig {
  return {
    kind: 'meta-protocol',
    statPrefix: 'sim',
    applicationProtocol: on.wire.name,
    codec: { name: on.wire.definition.name, options: undefined, moduleDigest: undefined },
    multiplexing: on.multiplexing,
    filters: [],
    routes: { name: 'routes', routes: drawRoutes(draw, on) },
    rds: undefined,
    idleTimeoutMs: draw.pick([0, 0, 300, 2000]),
    maxMessageBytes: 1 << 20,
    maxInFlightPerConnection: draw.pick([1, 3, 1024, 1024]),
    requestTimeoutMs: on.requestTimeoutMs,
    maxDownstreamBufferBytes: draw.pick([65_536, 1 << 24, 1 << 24]),
    partialMessageTimeoutMs: draw.pick([0, 400, 15_000]),
    generateRequestId: false,
  }
}

function weighAll(draw: Draw, clusterCount: number): readonly WeightedCluster[] {
  return Array.from({ length: clusterCount }, (_, index) => ({ cluster: `cluster${index}`, weight: draw.int(1, 4) }))
}

/** A route per cluster, one to a cluster that is not there, one over all of them; the number after has none. */
function drawRoutes(draw: Draw, { wire, clusterCount }: ListenerDraw): RouteConfig[] {
  const routes: RouteConfig[] = []
  const all = weighAll(draw, clusterCount)
  for (let number = 0; number < clusterCount + 2; number++) {
    const clusters =
      number < clusterCount
        ? [{ cluster: `cluster${number}`, weight: 1 }]
        : number === clusterCount
          ? all
          : [{ cluster: 'nowhere', weight: 1 }]
    routes.push({
      name: `route${number}`,
      match: {
        metadata: [
          {
            name: wire.routing.key,
            test: wire.routing.testOf(number),
            invert: false,
            treatMissingAsEmpty: false,
          },
        ],
      },
      clusters,
      hashPolicy: draw.chance(0.3) ? [wire.routing.key] : [],
      mirrors: [],
      timeoutMs: draw.chance(0.2) ? draw.pick([0, 100, 700]) : undefined,
      requestMutation: drawMutation(draw, wire),
      responseMutation: drawMutation(draw, wire),
    })
  }
  return routes
}

/** Values long and short, one of them for a key that is there. */
function drawMutation(draw: Draw, wire: Wire): RouteConfig['requestMutation'] {
  if (wire.definition.mutation === undefined || draw.chance(0.5)) return []
  return [
    { key: 'x-sim', value: 'v'.repeat(draw.pick([1, 40, 2000])) },
    { key: 'timeout', value: draw.pick([undefined, '1']) },
  ]
}
