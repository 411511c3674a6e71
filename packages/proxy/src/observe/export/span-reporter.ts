import type { OtlpProvider, TracingProvider, ZipkinProvider } from '@meltemi/api/model'
import type { ClientTlsOptions } from '@meltemi/runtime'
import { HttpPoster } from './http-poster.ts'
import { otlpRequest } from './otlp-request.ts'
import type { SpanDestination } from './outlet.ts'

/** Who takes the spans: one endpoint of a cluster. */
export interface CollectorAddress {
  readonly host: string
  readonly port: number
  /** undefined: plain. */
  readonly tls?: ClientTlsOptions | undefined
}

/** Sends spans to a collector. */
export interface SpanReporter {
  /** Why the collector refuses them; empty: it has taken them. Rejects when it does not answer. */
  report(spans: readonly Uint8Array[], address: CollectorAddress): Promise<string>
  close(): void
}

/** With what is needed for this kind of collector, and no more. */
export async function createSpanReporter({ provider, serviceName }: SpanDestination): Promise<SpanReporter> {
  switch (provider.kind) {
    case 'zipkin':
      return new HttpReporter(provider, 'application/json', zipkinList)
    case 'otlp-http':
      return new HttpReporter(provider, 'application/x-protobuf', (spans) => otlpRequest(serviceName, spans))
    case 'otlp-grpc': {
      const { OtlpGrpcReporter } = await import('./otlp-grpc-reporter.ts')
      return new OtlpGrpcReporter(provider, serviceName)
    }
    default:
      return provider satisfies never
  }
}

class HttpReporter implements SpanReporter {
  readonly #poster = new HttpPoster()
  readonly #provider: TracingProvider
  readonly #headers: Readonly<Record<string, string>>
  readonly #bodyOf: (spans: readonly Uint8Array[]) => Uint8Array

  constructor(
    provider: ZipkinProvider | OtlpProvider,
    contentType: string,
    bodyOf: (spans: readonly Uint8Array[]) => Uint8Array,
  ) {
    const own = provider.kind === 'zipkin' ? [] : provider.headers
    this.#provider = provider
    this.#headers = { ...Object.fromEntries(own), host: provider.host, 'content-type': contentType }
    this.#bodyOf = bodyOf
  }

  async report(spans: readonly Uint8Array[], { host, port, tls }: CollectorAddress): Promise<string> {
    const { path, timeoutMs } = this.#provider
    const post = { host, port, path, headers: this.#headers, body: this.#bodyOf(spans), timeoutMs, tls }
    const status = await this.#poster.post(post)
    return status >= 200 && status < 300 ? '' : `status ${status}`
  }

  close(): void {
    this.#poster.close()
  }
}

/** Each span has a comma behind it. */
function zipkinList(spans: readonly Uint8Array[]): Uint8Array {
  const list = Buffer.concat([Buffer.from('['), ...spans])
  list[list.length - 1] = ']'.charCodeAt(0)
  return list
}
