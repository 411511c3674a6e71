// Takes what proxies report to Zipkin and counts it.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SpanCollector {
  readonly port: number
  /** Spans since the start. */
  readonly spans: number
  stop(): void
}

export async function startSpanCollector(): Promise<SpanCollector> {
  let spans = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    spans += (JSON.parse(Buffer.concat(chunks).toString()) as unknown[]).length
    response.writeHead(202).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get spans() {
      return spans
    },
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
