import { getHeapStatistics } from 'node:v8'
import type { Gauge, Histogram, MetricReader, MetricRegistry } from '@meltemi/runtime'
import type { ServerState } from './admin/inspector.ts'

/** Envoy's numbers for its states. */
const STATE_NUMBERS: Readonly<Record<ServerState, number>> = {
  LIVE: 0,
  DRAINING: 1,
  PRE_INITIALIZING: 2,
  INITIALIZING: 3,
}
const ALLOCATED = 'server.memory_allocated'
const HEAP_SIZE = 'server.memory_heap_size'

/** What a thread's heap holds; over all threads these are added up. */
export class HeapStats {
  readonly #allocated: Gauge
  readonly #size: Gauge

  constructor(metrics: MetricRegistry) {
    this.#allocated = metrics.gauge(ALLOCATED)
    this.#size = metrics.gauge(HEAP_SIZE)
  }

  update(): void {
    const { used_heap_size: used, total_heap_size: total, external_memory: external } = getHeapStatistics()
    this.#allocated.set(used + external)
    this.#size.set(total + external)
  }
}

/** The process as a whole, by the names that Envoy has for it. */
export class ServerStats {
  readonly #metrics: MetricReader
  readonly #startedAtMs: number
  readonly #heap: HeapStats
  readonly #uptime: Gauge
  readonly #live: Gauge
  readonly #state: Gauge
  readonly #connections: Gauge
  readonly #physical: Gauge
  readonly #workersStarted: Gauge
  readonly #initialization: Histogram

  constructor(metrics: MetricReader & MetricRegistry, concurrency: number, startedAtMs: number) {
    this.#metrics = metrics
    this.#startedAtMs = startedAtMs
    this.#heap = new HeapStats(metrics)
    metrics.gauge('server.concurrency').set(concurrency)
    this.#uptime = metrics.gauge('server.uptime')
    this.#live = metrics.gauge('server.live')
    this.#state = metrics.gauge('server.state')
    this.#connections = metrics.gauge('server.total_connections')
    this.#physical = metrics.gauge('server.memory_physical_size')
    this.#workersStarted = metrics.gauge('listener_manager.workers_started')
    this.#initialization = metrics.histogram('server.initialization_time_ms')
  }

  onStarted(): void {
    this.#workersStarted.set(1)
  }

  /** The first configuration is in force. */
  onInitialized(): void {
    this.#initialization.record(Date.now() - this.#startedAtMs)
  }

  /** Before they are read. */
  update(state: ServerState): void {
    this.#heap.update()
    this.#uptime.set(Math.floor((Date.now() - this.#startedAtMs) / 1000))
    this.#live.set(state === 'DRAINING' ? 0 : 1)
    this.#state.set(STATE_NUMBERS[state])
    this.#connections.set(this.activeConnections())
    this.#physical.set(process.memoryUsage.rss())
  }

  /** Bytes in the heaps of all threads: what is used of them, and what they take. */
  heap(): readonly [allocated: number, size: number] {
    this.#heap.update()
    const values = new Map(this.#scalars(isOfHeap))
    return [values.get(ALLOCATED) ?? 0, values.get(HEAP_SIZE) ?? 0]
  }

  /** Clients of all listeners and threads. */
  activeConnections(): number {
    return this.#scalars(isOfConnections).reduce((sum, [, value]) => sum + value, 0)
  }

  /** Of thousands of stats these are a few: what is asked of each name must be cheap. */
  #scalars(accepts: (name: string) => boolean): (readonly [name: string, value: number])[] {
    return this.#metrics
      .read(accepts)
      .flatMap((metric) => (metric.kind === 'histogram' ? [] : [[metric.name, metric.value] as const]))
  }
}

function isOfHeap(name: string): boolean {
  return name === ALLOCATED || name === HEAP_SIZE
}

function isOfConnections(name: string): boolean {
  return name.startsWith('listener.') && name.endsWith('.downstream_cx_active')
}
