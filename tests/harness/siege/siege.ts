/** A proxy under siege: who sends much and reads nothing, and a client on another listener who does neither. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame } from '../awesomerpc-frame.ts'
import { startEchoServer } from '../echo-server.ts'
import { freePort } from '../free-port.ts'
import { type ProxyProcess, startProxyProcess } from '../proxy-process.ts'
import { connectClient } from '../raw-client.ts'

const ATTACK = fileURLToPath(new URL('./attack.ts', import.meta.url))
const MIB = 1024 * 1024
const ASK_MS = 5
const LAST_WORDS_MS = 20_000
const NOTHING_SAID = '{ "senders": 0, "readers": 0, "sentMib": 0 }'
/** Connections to services stay. */
const GAUGES =
  /^(?:.*\.(?:downstream_cx_active|request_active|stream_active|upstream_rq_active|upstream_rq_pending_active)|overload\.buffers_held_bytes): [1-9].*$/gm

export interface SiegeOptions {
  readonly senders: number
  readonly readers: number
  readonly memoryLimitMib: number
  readonly concurrency: number
  /** The listener of the quiet client has a thread of its own besides. */
  readonly hasOwnThread: boolean
  /** Of peace before, and of the attack. */
  readonly seconds: number
  /** Of the proxy, besides that of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of the listener; its default if not said. */
  readonly partialMessageTimeout?: string
  /** Until everything is to be as it was. */
  readonly restSeconds: number
  /** When the attack has begun; waited for. */
  onAttack?(proxy: ProxyProcess): Promise<void>
}

export interface SiegeReport {
  readonly before: Latency
  readonly during: Latency
  readonly startMib: number
  readonly mostMib: number
  readonly endMib: number
  readonly attack: { readonly senders: number; readonly readers: number; readonly sentMib: number }
  /** Of the listeners. */
  readonly shed: number
  readonly timedOut: number
  /** Gauges of what is under way that are not 0 in the end. */
  readonly left: readonly string[]
}

export interface Latency {
  readonly asked: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function besiege(options: SiegeOptions): Promise<SiegeReport> {
  await using server = await startEchoServer({ codec: awesomerpc })
  using attack = await Attack.prepare(options)
  const quiet = await freePort()
  const args = [
    '--memory-limit-bytes',
    String(options.memoryLimitMib * MIB),
    '--concurrency',
    String(options.concurrency),
    ...(options.hasOwnThread ? ['--own-thread', 'quiet'] : []),
  ]
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [attack.port],
    others: [{ port: quiet, cluster: 'quiet' }],
    clusters: [staticCluster('quiet', server.port)],
    environment: options.environment ?? {},
    ...(options.partialMessageTimeout === undefined
      ? {}
      : { filter: { partial_message_timeout: options.partialMessageTimeout } }),
    arguments: [...args, '--log-level', 'error'],
  })
  await converse(quiet, 3)
  const before = await converse(quiet, options.seconds)
  const startMib = rssMib(proxy)
  const memory = watch(proxy)
  attack.begin(proxy.port)
  const [during] = await Promise.all([converse(quiet, options.seconds), options.onAttack?.(proxy)])
  const result = await attack.stop()
  const mostMib = memory.stop()
  await sleep(options.restSeconds * 1000)
  const { text } = await proxy.get('/stats')
  return {
    before,
    during,
    startMib,
    mostMib,
    endMib: rssMib(proxy),
    attack: result,
    shed: sumOf(text, /downstream_cx_overload_closed: (\d+)/g),
    timedOut: sumOf(text, /partial_message_timeout: (\d+)/g),
    left: text.match(GAUGES) ?? [],
  }
}

function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0)
}

/** Asks at a steady rate, whatever the replies do. */
async function converse(port: number, seconds: number): Promise<Latency> {
  await using client = await connectClient({ port, codec: awesomerpc, timeoutMs: 30_000 })
  const times: number[] = []
  const calls: Promise<void>[] = []
  let failed = 0
  const endMs = performance.now() + seconds * 1000
  for (let id = 1; performance.now() < endMs; id++) {
    const startedMs = performance.now()
    const call = client.request(awesomerpcFrame({ id })).then(
      (reply) => {
        times.push(performance.now() - startedMs)
        if (reply.message.readInt16BE(11) !== 0) failed++
      },
      () => {
        failed++
      },
    )
    calls.push(call)
    await sleep(ASK_MS)
  }
  await Promise.all(calls)
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
  return { asked: calls.length, failed, p50Ms: at(0.5), p99Ms: at(0.99) }
}

class Attack implements Disposable {
  readonly port: number
  readonly #child: ChildProcess
  #said = ''

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#said += String(chunk)
    })
  }

  static async prepare({ senders, readers }: SiegeOptions): Promise<Attack> {
    const args = ['--conditions=meltemi-source', '--single-threaded-gc', ATTACK, String(senders), String(readers)]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    // who attacks has a machine of its own, and takes as little time of this one as can be
    setPriority(child.pid as number, constants.priority.PRIORITY_LOW)
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    return new Attack(child, Number(line))
  }

  begin(port: number): void {
    this.#child.stdin?.write(String(port))
  }

  /** Its last words are asked for: it may not have had a moment to say any before. */
  async stop(): Promise<SiegeReport['attack']> {
    const isGone = once(this.#child, 'close')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LAST_WORDS_MS)
    this.#child.stdin?.end()
    await isGone
    clearTimeout(timer)
    return JSON.parse(this.#said.trim().split('\n').at(-1) || NOTHING_SAID) as SiegeReport['attack']
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

function staticCluster(name: string, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }]
  return { name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } }
}

function rssMib({ child }: ProxyProcess): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

/** The most memory that is seen. */
function watch(proxy: ProxyProcess): { stop(): number } {
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, rssMib(proxy))
  }, 50)
  return {
    stop: () => {
      clearInterval(timer)
      return most
    },
  }
}
