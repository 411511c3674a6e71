import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { RunningCodecs } from '../../telemetry/running-codecs.ts'
import { TrafficStore } from '../../telemetry/traffic-store.ts'
import { type RunningApi, startApi } from '../api.ts'
import { MemoryBackend } from './memory-backend.ts'

export const TOKEN = 'the-token-of-the-test'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what the tests look at
  readonly json: any
}

export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** An API on a port of its own; `call` has the token and the content type unless told otherwise. */
export class ApiHarness {
  readonly backend: MemoryBackend
  readonly metrics: MergedRegistry
  readonly traffic: TrafficStore
  readonly codecs: RunningCodecs
  readonly api: RunningApi

  private constructor(
    backend: MemoryBackend,
    api: RunningApi,
    metrics: MergedRegistry,
    traffic: TrafficStore,
    codecs: RunningCodecs,
  ) {
    this.backend = backend
    this.api = api
    this.metrics = metrics
    this.traffic = traffic
    this.codecs = codecs
  }

  static async start(
    backend = new MemoryBackend(),
    more: { readonly stallTimeoutMs?: number } = {},
  ): Promise<ApiHarness> {
    const metrics = new MergedRegistry()
    const traffic = new TrafficStore(metrics)
    const codecs = new RunningCodecs()
    const api = await startApi({
      address: { host: '127.0.0.1', port: 0 },
      backend,
      traffic,
      codecs,
      metrics,
      logger: createLogger({ level: 'off' }),
      version: '1.2.3',
      token: TOKEN,
      ...more,
    })
    return new ApiHarness(backend, api, metrics, traffic, codecs)
  }

  get url(): string {
    return `http://127.0.0.1:${this.api.address.port}`
  }

  /** Unlike fetch it sends whatever headers it is given. */
  call(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Reply> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
    const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }
    const own = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...length }
    return new Promise((resolve, reject) => {
      const call = request(`${this.url}${path}`, { method, headers: { ...own, ...headers } }, (response) => {
        let received = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          received += part
        })
        response.on('end', () => resolve(toReply(response.statusCode ?? 0, response.headers, received)))
        response.on('error', reject)
      })
      call.on('error', reject)
      call.end(text)
    })
  }

  /** A metric by name; 0 when there is none. */
  metric(name: string): number {
    const [found] = this.metrics.read((each) => each === name)
    return found !== undefined && found.kind !== 'histogram' ? found.value : 0
  }

  close(): Promise<void> {
    return this.api.close()
  }
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'meltemi-api-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function toReply(status: number, headers: Reply['headers'], text: string): Reply {
  try {
    return { status, headers, text, json: JSON.parse(text) }
  } catch {
    return { status, headers, text, json: undefined }
  }
}
