/** Starts a Zipkin, which keeps spans in memory. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../../scripts/workspace.ts'
import { freePort } from '../../harness/index.ts'
import type { CollectedSpan, Collector } from './collected-span.ts'

const JAR = join(ROOT, '.tmp/zipkin/zipkin.jar')
const START_MS = 60_000
const WAIT_MS = 20_000

interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly kind: 'SERVER' | 'CLIENT'
  readonly name: string
  readonly timestamp: number
  readonly duration: number
  readonly localEndpoint: { readonly serviceName: string }
  readonly tags?: Readonly<Record<string, string>>
}

export async function startZipkin(): Promise<Collector> {
  if (!existsSync(JAR)) throw new Error('run scripts/setup-interop.sh zipkin first')
  const port = await freePort()
  const env = { ...process.env, QUERY_PORT: String(port), LOGGING_LEVEL_ROOT: 'ERROR' }
  const child = spawn('java', ['-Xmx192m', '-jar', JAR], { env, stdio: 'ignore' })
  const collector = new Zipkin(child, port)
  try {
    await collector.ready()
    return collector
  } catch (error: unknown) {
    await collector[Symbol.asyncDispose]()
    throw error
  }
}

class Zipkin implements Collector {
  readonly kind = 'zipkin'
  readonly port: number
  readonly url: string
  readonly tracer = {
    '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
    collector_cluster: 'collector',
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
    trace_id_128bit: true,
  }
  readonly #child: ChildProcess

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    this.url = `http://127.0.0.1:${port}/api/v2/spans`
  }

  async ready(): Promise<void> {
    const endMs = performance.now() + START_MS
    while ((await this.#get('/health')) === undefined) {
      if (this.#child.exitCode !== null || performance.now() > endMs) throw new Error('Zipkin did not start')
      await sleep(200)
    }
  }

  async trace(traceId: string, count: number): Promise<readonly CollectedSpan[]> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      const spans = ((await this.#get(`/api/v2/trace/${traceId}`)) ?? []) as readonly ZipkinSpan[]
      if (spans.length >= count) return spans.map(collected)
      if (performance.now() > endMs) throw new Error(`${spans.length} of ${count} spans: ${JSON.stringify(spans)}`)
      await sleep(100)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  /** undefined: not there, or not yet. */
  async #get(path: string): Promise<unknown> {
    try {
      const reply = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { connection: 'close' } })
      return reply.ok ? await reply.json() : undefined
    } catch {
      return undefined
    }
  }
}

function collected(span: ZipkinSpan): CollectedSpan {
  const { tags = {}, timestamp, duration } = span
  return {
    service: span.localEndpoint.serviceName,
    name: span.name,
    traceId: span.traceId,
    id: span.id,
    parentId: span.parentId ?? '',
    kind: span.kind,
    isError: tags['error'] !== undefined,
    tags,
    startUs: timestamp,
    endUs: timestamp + duration,
  }
}
