import type { OtlpProvider } from '@meltemi/api/model'
import { TraceService } from '@meltemi/api/otlp'
import { createGrpcClient, type GrpcClient, GrpcError } from '@meltemi/runtime/grpc'
import { formatAddress } from '../../util/format-address.ts'
import { otlpRequest } from './otlp-request.ts'
import type { CollectorAddress, SpanReporter } from './span-reporter.ts'

/** Sends spans to OpenTelemetry collectors over gRPC. */
export class OtlpGrpcReporter implements SpanReporter {
  readonly #provider: OtlpProvider
  readonly #serviceName: string
  #client: GrpcClient | undefined
  /** Of the collector that the client is for. */
  #address = ''

  constructor(provider: OtlpProvider, serviceName: string) {
    this.#provider = provider
    this.#serviceName = serviceName
  }

  async report(spans: readonly Uint8Array[], address: CollectorAddress): Promise<string> {
    const { headers, timeoutMs } = this.#provider
    const request = otlpRequest(this.#serviceName, spans)
    try {
      const reply = await this.#clientFor(address).call(TraceService.method.export, request, {
        deadlineMs: timeoutMs,
        headers,
      })
      const { rejectedSpans = 0n, errorMessage = '' } = reply.partialSuccess ?? {}
      return rejectedSpans === 0n ? '' : `${rejectedSpans} are rejected: ${errorMessage}`
    } catch (error: unknown) {
      // without a connection there may be another one the next time
      if (error instanceof GrpcError) this.close()
      throw error
    }
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #clientFor({ host, port, tls }: CollectorAddress): GrpcClient {
    const address = formatAddress(host, port)
    if (address !== this.#address) this.close()
    this.#address = address
    const { host: authority } = this.#provider
    this.#client ??= createGrpcClient({
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(authority === '' ? {} : { authority }),
    })
    return this.#client
  }
}
