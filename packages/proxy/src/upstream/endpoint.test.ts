import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import type { CodecDefinition } from '@meltemi/sdk'
import type { Network, Socket } from '../net/network.ts'
import { Flusher } from '../net/outbox.ts'
import { SeededRandom } from '../util/random.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import type { ClusterContext } from './context.ts'
import { Endpoint } from './endpoint.ts'
import { Limits, limitCells } from './limits.ts'
import { Places } from './places.ts'
import type { PoolClient } from './pool.ts'
import { UpstreamProtocol } from './protocol.ts'
import { clusterStats } from './stats.ts'

const codec = { decode: () => 0 as const, encode() {}, onError() {} }
const definition: CodecDefinition = { name: 'any', contract: 1, correlation: 'id', create: () => codec }
const nobody: PoolClient = { onConnection() {}, onNoConnection() {} }

function setUp() {
  const clock = new FakeClock()
  let open = 0
  const socket: Socket = {
    remoteAddress: '',
    remotePort: 0,
    localAddress: '',
    localPort: 0,
    bufferedBytes: 0,
    write: () => true,
    end() {},
    destroySoon() {},
    destroy: () => void open--,
    pause() {},
    resume() {},
  }
  const network: Network = {
    connect() {
      open++
      return socket
    },
    listen: () => Promise.reject(new Error('nobody listens')),
    resolve: () => Promise.reject(new Error('nobody resolves')),
    query: () => Promise.reject(new Error('nobody asks')),
  }
  const maxima = { maxConnections: 1000, maxPendingRequests: 1000, maxRequests: 8, maxRetries: 0 }
  const limits = new Limits(limitCells(1), 1, 0, maxima)
  const turn = new TurnClock(clock)
  const context: ClusterContext = {
    clock,
    turn,
    network,
    random: new SeededRandom(1),
    flusher: new Flusher(clock),
    timers: new TimerWheel(clock),
    onCodecException: () => {},
    onFilterException: () => {},
    logBadReply: () => {},
    stats: clusterStats(new LocalRegistry(() => {}), 'test'),
    limits,
    places: new Places(limits, turn, clock),
    connectTimeoutMs: 5000,
    bufferLimitBytes: 1024,
  }
  const protocol = new UpstreamProtocol({
    definition,
    options: undefined,
    multiplexing: true,
    maxMessageBytes: 1024,
    partialMessageTimeoutMs: 0,
    applicationProtocol: 'any',
  })
  const address = { host: '10.0.0.1', port: 80 }
  const endpoint = new Endpoint({ address, hostname: '', weight: 1, healthy: true }, context)
  return { endpoint, protocol, openSockets: () => open }
}

test('a pool is found again by its protocol and dialect', () => {
  const { endpoint, protocol } = setUp()
  const [a, b] = [endpoint.pool(protocol, 'a'), endpoint.pool(protocol, 'b')]
  assert.notEqual(a, b)
  assert.deepEqual([endpoint.pool(protocol, 'a'), endpoint.pool(protocol, 'b')], [a, b])
})

test('pools of ever new dialects do not pile up when nobody uses them, and those in use stay', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const { endpoint, protocol, openSockets } = setUp()
  const used = Array.from({ length: 100 }, (_, n) => {
    const pool = endpoint.pool(protocol, `used ${n}`)
    pool.acquire(nobody)
    return pool
  })
  const unused = Array.from({ length: 5000 }, (_, n) => new WeakRef(endpoint.pool(protocol, `unused ${n}`)))
  // what a weak reference has shown stays until the end of the turn
  await nextTurn()
  collectGarbage()
  const left = unused.filter((pool) => pool.deref() !== undefined).length
  assert.ok(left <= 200, `${left} are left`)
  for (const [n, pool] of used.entries()) assert.equal(endpoint.pool(protocol, `used ${n}`), pool)
  assert.equal(openSockets(), 100)
  endpoint.close()
  assert.equal(openSockets(), 0)
})
