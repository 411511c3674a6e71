/** What can go wrong with one of two services, with their name, or with a service that the proxy asks. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ExtAuthzConfig, FilterConfig, GlobalRateLimitConfig } from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import { delayed, doubled, echo, resetting, silent, wrongId } from '../behaviours.ts'
import { startDnsServer } from '../dns-server.ts'
import { type EchoServer, type Handler, startEchoServer } from '../echo-server.ts'
import type { TestedProtocol } from '../four-protocols.ts'
import { type GrpcPeer, startAuthzService, startLimitService } from '../grpc-peer.ts'
import { type TestProxy, type TestProxyOptions, testCluster } from '../test-proxy.ts'
import { SERVICE, TIMES } from './modes.ts'
import { ServiceProcess } from './service-process.ts'

/** The services, and the proxy's view of them. */
export interface FaultStage extends AsyncDisposable {
  readonly proxy: Partial<TestProxyOptions>
  begin(proxy: TestProxy): void | Promise<void>
  end(): void | Promise<void>
  /** Whether all is as before; `ask` sends a request. Called again and again. */
  isMended(proxy: TestProxy, ask: () => Promise<unknown>): boolean | Promise<boolean>
}

export interface Fault {
  /** As in the page. */
  readonly name: string
  stage(protocol: TestedProtocol): Promise<FaultStage>
}

type Setting = Pick<FaultStage, 'begin' | 'end'>

/** Nobody is ejected any more. */
const isBack = (proxy: TestProxy) => proxy.stat('outlier_detection.ejections_active') === 0

function startHonest({ codec, answer }: TestedProtocol, host = '127.0.0.1', port = 0): Promise<EchoServer> {
  return startEchoServer({ codec, answer, host, port })
}

/** One of the services is a process of its own. */
function ofProcess(name: string, setting: (service: ServiceProcess) => Setting): Fault {
  return {
    name,
    async stage(protocol) {
      const good = await startHonest(protocol)
      const bad = await new ServiceProcess(protocol.name).start()
      return {
        proxy: { endpoints: [bad.port, good.port], cluster: SERVICE },
        ...setting(bad),
        isMended: isBack,
        async [Symbol.asyncDispose]() {
          await bad[Symbol.asyncDispose]()
          await good.close()
        },
      }
    },
  }
}

/** One of the services does this for as long as the fault lasts. */
function ofHandler(name: string, faulty: Handler): Fault {
  return {
    name,
    async stage(protocol) {
      const { codec, answer } = protocol
      const good = await startHonest(protocol)
      let handler: Handler = echo
      const bad = await startEchoServer({
        codec,
        answer,
        handler: (request, connection) => handler(request, connection),
      })
      return {
        proxy: { endpoints: [bad.port, good.port], cluster: SERVICE },
        begin() {
          handler = faulty
        },
        end() {
          handler = echo
        },
        isMended: isBack,
        async [Symbol.asyncDispose]() {
          await bad.close()
          await good.close()
        },
      }
    },
  }
}

const NAME = 'service.test'

function hasAddress({ proxy }: TestProxy, address: string): boolean {
  return proxy.endpoints().some((endpoint) => endpoint.address === address)
}

/** What the name server says of a name changes. `goes`: one of its two addresses is another one from then on. */
function ofName(name: string, goes: boolean): Fault {
  return {
    name,
    async stage(protocol) {
      const before = { addresses: ['127.0.0.1', '127.0.0.2'], ttlS: 0 }
      const dns = await startDnsServer({ [NAME]: before })
      const first = await startHonest(protocol)
      const others = [await startHonest(protocol, '127.0.0.2', first.port)]
      others.push(await startHonest(protocol, '127.0.0.3', first.port))
      return {
        proxy: {
          endpoints: [],
          cluster: {
            ...SERVICE,
            discovery: 'strict-dns',
            dnsRefreshMs: 20,
            dnsLookupFamily: 'v4-only',
            dnsServers: [{ host: '127.0.0.1', port: dns.port }],
            endpoints: [{ address: { host: NAME, port: first.port }, hostname: '', weight: 1, healthy: true }],
          },
        },
        async begin(proxy) {
          dns.book.set(NAME, goes ? { addresses: ['127.0.0.1', '127.0.0.3'], ttlS: 0 } : 'SERVFAIL')
          // until the proxy has heard of it
          const isAway = () => goes && !hasAddress(proxy, `127.0.0.2:${first.port}`)
          const failures = proxy.stat('update_failure')
          while (!isAway() && proxy.stat('update_failure') === failures) await sleep(2)
        },
        end() {
          dns.book.set(NAME, before)
        },
        isMended: (proxy) => hasAddress(proxy, `127.0.0.2:${first.port}`),
        async [Symbol.asyncDispose]() {
          for (const server of [first, ...others]) await server.close()
          await dns[Symbol.asyncDispose]()
        },
      }
    },
  }
}

/** A service that the proxy asks about each request. */
export interface AskedService extends Setting, AsyncDisposable {
  readonly port: number
}

/** It fails. `okStat` counts what it has let pass. */
export function ofAsked(name: string, start: () => Promise<AskedService>, filter: FilterConfig, okStat: string): Fault {
  return {
    name,
    async stage(protocol) {
      const [first, second] = [await startHonest(protocol), await startHonest(protocol)]
      const peer = await start()
      return {
        proxy: {
          clusters: [testCluster('service', [first.port, second.port], SERVICE), testCluster('peer', [peer.port])],
          filters: proxyFilters,
          filter: { filters: [filter] },
        },
        begin: (proxy) => peer.begin(proxy),
        end: () => peer.end(),
        async isMended(proxy, ask) {
          const before = proxy.stat(okStat)
          await ask()
          return proxy.stat(okStat) > before
        },
        async [Symbol.asyncDispose]() {
          await peer[Symbol.asyncDispose]()
          await first.close()
          await second.close()
        },
      }
    },
  }
}

const PEER = { cluster: 'peer', authority: '', headers: [], timeoutMs: TIMES.peerMs }

export function rateLimit(failureModeDeny: boolean): FilterConfig {
  const parsed: GlobalRateLimitConfig = {
    match: { metadata: [] },
    domain: 'test',
    grpcService: PEER,
    failureModeDeny,
    descriptors: [{ entries: [{ kind: 'constant', key: 'generic_key', value: 'all' }] }],
    hitsAddend: 0,
    statPrefix: '',
  }
  const typeUrl = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit'
  return { name: 'aeraki.meta_protocol.filters.ratelimit', typeUrl, config: {}, parsed }
}

function extAuthz(failureModeAllow: boolean): FilterConfig {
  const parsed: ExtAuthzConfig = {
    statPrefix: 'guard',
    grpcService: PEER,
    failureModeAllow,
    includeTlsSession: false,
    match: { metadata: [] },
    contextExtensions: {},
  }
  return { name: 'authz', typeUrl: 'type.googleapis.com/meltemi.v1.ExtAuthz', config: {}, parsed }
}

async function asked(starting: Promise<GrpcPeer<unknown>>): Promise<AskedService> {
  const peer = await starting
  return {
    port: peer.port,
    begin: () => peer.down(),
    end: () => peer.up(),
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  }
}

const limits = () => asked(startLimitService())
const authz = () => asked(startAuthzService(() => ({ status: { code: 0 } })))

export const FAULTS: readonly Fault[] = [
  ofProcess('killed', (service) => ({ begin: () => service.kill(), end: async () => void (await service.start()) })),
  ofProcess('stopped (SIGSTOP)', (service) => ({
    begin: () => service.signal('SIGSTOP'),
    end: () => service.signal('SIGCONT'),
  })),
  ofProcess('half-open', (service) => ({ begin: () => service.vanish(), end: () => service.goOn() })),
  ofHandler('slow', delayed(TIMES.slowMs)),
  ofHandler('resetting', resetting),
  ofHandler('talking garbage', (_request, connection) => connection.send(Buffer.alloc(64, 0xff))),
  ofHandler('replying twice', doubled),
  ofHandler('replying to the wrong id', wrongId),
  ofHandler('never replying', silent),
  ofName('its name moves', true),
  ofName('its name server fails', false),
  ofAsked('rate limit service down, requests pass', limits, rateLimit(false), 'ratelimit.ok'),
  ofAsked('rate limit service down, requests do not', limits, rateLimit(true), 'ratelimit.ok'),
  ofAsked('ext_authz down, requests pass', authz, extAuthz(true), 'ext_authz.guard.ok'),
  ofAsked('ext_authz down, requests do not', authz, extAuthz(false), 'ext_authz.guard.ok'),
]
