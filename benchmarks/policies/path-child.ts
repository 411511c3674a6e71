// One proxy for request-path.ts, without sockets: node path-child.ts PROTOCOL VARIANT. Asked by its parent for so many
// milliseconds of load it answers with nanoseconds a request, of the quickest quarter of the rounds in them.

import { parseBootstrap } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { type Network, nodeNetwork, Proxy, SeededRandom, SharedLimits } from '@meltemi/proxy'
import { proxyFilters } from '@meltemi/proxy/filters'
import { MergedRegistry, systemClock } from '@meltemi/runtime'
import { createPayload, stamp, wires } from '../load/wire.ts'
import { createCluster } from '../peers/envoy.ts'
import { parseWire } from '../plan.ts'
import { quantile } from '../statistics.ts'
import { limitFields, policyFields, retryFields, routeFields, rulesFields } from './policies.ts'

const CONNECTIONS = 16
const DEPTH = 32
const CODECS = { awesomerpc, dubbo, thrift }
const FIELDS = {
  plain: () => ({}),
  policies: policyFields,
  limit: limitFields,
  rules: rulesFields,
  retries: retryFields,
  routes: (wire: 'awesomerpc' | 'dubbo' | 'thrift') => routeFields(wire, 1000),
}

const name = parseWire(process.argv[2] ?? '')
const fields = FIELDS[process.argv[3] as keyof typeof FIELDS](name)
const wire = wires[name]

/** A socket of this process: what is written to it goes to `received`, as a copy, for the proxy uses its chunks again. */
const socketOf = (received: (bytes: Buffer) => void) => ({
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 2,
  bufferedBytes: 0,
  write(parts: readonly Buffer[]) {
    received(Buffer.concat(parts))
    return true
  },
  end() {},
  destroySoon() {},
  destroy() {},
  pause() {},
  resume() {},
})

/** Whoever connects gets each request back as its reply. */
let accept: Parameters<Network['listen']>[1] | undefined
const network: Network = {
  ...nodeNetwork,
  connect(_host, _port, handler) {
    setImmediate(() => handler.onConnect())
    return socketOf((bytes) => {
      for (let at = 0; at < bytes.length; at += wire.frameLength(bytes, at)) wire.turnIntoReply(bytes, at)
      setImmediate(() => handler.onData(bytes))
    })
  },
  async listen(_options, accepted) {
    accept = accepted
    return { host: '127.0.0.1', port: 1, fds: [], close: async () => {} }
  },
}

const bootstrap = {
  static_resources: {
    listeners: [
      {
        address: { socket_address: { address: '127.0.0.1', port_value: 1 } },
        filter_chains: [
          {
            filters: [
              {
                name: 'aeraki.meta_protocol_proxy',
                typed_config: {
                  '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
                  stat_prefix: 'benchmark',
                  protocol: { name, codec: { name: `aeraki.meta_protocol.codec.${name}` }, multiplexing: true },
                  route_config: { name: 'all', routes: [{ name: 'all', route: { cluster: 'backend' } }] },
                  ...fields,
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [createCluster('backend', 2)],
  },
}
const known = { filters: new Map(proxyFilters.map((filter) => [filter.typeUrl, filter])) }
const { config, problems } = parseBootstrap(JSON.stringify(bootstrap), 'request-path.json', known)
if (config === undefined) throw new Error(JSON.stringify(problems))
const proxy = new Proxy({
  config,
  codecs: [CODECS[name]],
  filters: proxyFilters,
  network,
  clock: systemClock,
  random: new SeededRandom(1),
  metrics: new MergedRegistry(),
  share: new SharedLimits(1).share(0),
  overloadLevel: () => 0,
  log: () => {},
})
await proxy.start(false)

const frame = wire.buildRequest(createPayload(128))
const batch = Buffer.concat(new Array<Buffer>(DEPTH).fill(frame))
for (let id = 0; id < DEPTH; id++) {
  stamp(wire, batch, { at: id * frame.length, length: frame.length, mark: 0, id })
}
let missing = 0
let allBack = (): void => {}
const clients = Array.from({ length: CONNECTIONS }, () =>
  accept?.(
    socketOf((bytes) => {
      missing -= bytes.length
      if (missing === 0) allBack()
    }),
  ),
)
process.on('message', async (ms: number) => {
  const nanos: number[] = []
  const endMs = performance.now() + ms
  while (performance.now() < endMs) nanos.push(await runRound())
  process.send?.(quantile(nanos, 0.25))
})
process.once('disconnect', () => process.exit(0))
process.send?.('ready')

async function runRound(): Promise<number> {
  const back = new Promise<void>((resolve) => {
    allBack = resolve
  })
  missing = CONNECTIONS * batch.length
  const startedMs = performance.now()
  for (const client of clients) client?.onData(Buffer.from(batch))
  await back
  return ((performance.now() - startedMs) * 1e6) / (CONNECTIONS * DEPTH)
}
