// One load on one proxy, with every reply checked.
// Closed loop: every slot sends again as soon as it has its reply. Open loop: request k is due at k / rate, goes to
// connection k modulo connections, and its latency counts from when it was due, not from when it could be sent.

import { Histogram } from './histogram.ts'
import { type ClientTls, LoadConnection, type LoadOptions } from './load-connection.ts'
import { readCpuMs, readMachineCpuMs, readRssBytes } from './process-usage.ts'
import { type WireName, type Writes, wires } from './wire.ts'

export interface LoadOrder {
  readonly wire: WireName
  readonly port: number
  /** Absent: plain TCP. */
  readonly tls?: ClientTls
  readonly connections: number
  readonly depth: number
  readonly payloadBytes: number
  readonly writes: Writes
  /** Proxies may add to messages; false if not said. */
  readonly mayGrow?: boolean
  readonly warmUpMs: number
  readonly windowMs: number
  /** Requests per second; absent: closed loop. */
  readonly rate?: number
  /** The processes whose CPU and memory are measured over the window. */
  readonly pids: readonly number[]
  /** Belongs to the benchmark too, but is not measured. */
  readonly backendPid: number
}

export interface LoadResult {
  readonly requests: number
  readonly windowMs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly cpuMs: number
  readonly rssBytes: number
  /** CPU that processes outside of the benchmark took over the window: when it is much, the figures are worth little. */
  readonly othersCpuMs: number
  /** Requests that were due but not yet sent when the window ended (open loop). */
  readonly overdue: number
}

const MAX_SLEEP_MS = 0.05
const neverNotified = new Int32Array(new SharedArrayBuffer(4))

/** Runs one order from connect to close; rejects when a connection breaks or a reply is wrong. */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const latency = new Histogram()
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {})
  const onBroken = (reason: string): void => broken.reject(new Error(reason))
  const readBuffer = Buffer.alloc(256 * 1024)
  const phase = { isSending: true }
  const onRoom = (connection: LoadConnection): void => {
    if (phase.isSending) refill(connection, order.rate === undefined)
  }
  const { port, depth, payloadBytes, writes, mayGrow = false } = order
  const options: LoadOptions = {
    wire: wires[order.wire],
    port,
    ...(order.tls === undefined ? {} : { tls: order.tls }),
    payloadBytes,
    writes,
    depth,
    mayGrow,
    latency,
    readBuffer,
    onRoom,
    onBroken,
  }
  const connections = Array.from({ length: order.connections }, (_, number) => new LoadConnection(number, options))
  try {
    await Promise.race([broken.promise, Promise.all(connections.map((connection) => connection.open()))])
    const pacer = order.rate === undefined ? undefined : startPacer(connections, order.rate)
    for (const connection of connections) onRoom(connection)
    await Promise.race([broken.promise, delay(order.warmUpMs)])
    const result = await Promise.race([broken.promise, measure(order, connections, latency)])
    pacer?.stop()
    phase.isSending = false
    await Promise.race([broken.promise, drained(connections)])
    return result
  } finally {
    phase.isSending = false
    for (const connection of connections) connection.close()
  }
}

function refill(connection: LoadConnection, isClosedLoop: boolean): void {
  if (isClosedLoop) {
    const nowMs = performance.now()
    while (connection.freeSlots.length > 0) connection.prepare(nowMs)
  } else {
    while (connection.freeSlots.length > 0 && connection.overdueMs.length > 0) {
      connection.prepare(connection.overdueMs.shift()!)
    }
  }
  connection.flush()
}

// Timers of the event loop have a resolution of 1 ms, which would make bursts, and spinning would take a core from
// the proxies. So each turn of the event loop sends what is due and then sleeps for some microseconds; replies that
// arrive meanwhile are read that much later, with every peer alike.
function startPacer(connections: readonly LoadConnection[], rate: number): { stop(): void } {
  const startedMs = performance.now()
  const touched = new Set<LoadConnection>()
  let next = 0
  let isRunning = true
  const dueMs = (): number => startedMs + (next / rate) * 1000
  const turn = (): void => {
    const nowMs = performance.now()
    for (let ms = dueMs(); ms <= nowMs; ms = dueMs()) {
      const connection = connections[next++ % connections.length]!
      connection.overdueMs.push(ms)
      touched.add(connection)
    }
    for (const connection of touched) refill(connection, false)
    touched.clear()
    if (isRunning) setImmediate(turn)
    sleep(Math.min(dueMs() - performance.now(), MAX_SLEEP_MS))
  }
  turn()
  return {
    stop() {
      isRunning = false
    },
  }
}

function sleep(ms: number): void {
  if (ms > 0.001) Atomics.wait(neverNotified, 0, 0, ms)
}

async function measure(
  order: LoadOrder,
  connections: readonly LoadConnection[],
  latency: Histogram,
): Promise<LoadResult> {
  const readCpu = () => ({
    measured: readCpuMs(order.pids),
    bench: readCpuMs([...order.pids, order.backendPid, process.pid]),
    machine: readMachineCpuMs(),
  })
  latency.reset()
  const startedMs = performance.now()
  const before = readCpu()
  await delay(order.windowMs)
  const windowMs = performance.now() - startedMs
  const after = readCpu()
  return {
    requests: latency.total,
    windowMs,
    p50Us: latency.quantileUs(0.5),
    p99Us: latency.quantileUs(0.99),
    p999Us: latency.quantileUs(0.999),
    cpuMs: after.measured - before.measured,
    rssBytes: readRssBytes(order.pids),
    othersCpuMs: Math.max(0, after.machine - before.machine - (after.bench - before.bench)),
    overdue: connections.reduce((sum, connection) => sum + connection.overdueMs.length, 0),
  }
}

async function drained(connections: readonly LoadConnection[]): Promise<void> {
  const deadlineMs = performance.now() + 5000
  while (connections.some((connection) => connection.inFlight > 0)) {
    if (performance.now() > deadlineMs) throw new Error('requests without a reply 5 s after the end of the load')
    await delay(5)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
