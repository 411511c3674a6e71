/** A client, a proxy with filters made by a test, and a service. */

import assert from 'node:assert/strict'
import {
  ErrorType,
  type Failure,
  type Filter,
  type FilterDefinition,
  type FilterHost,
  FilterStatus,
} from '@meltemi/sdk'
import { mutable, mutableFrame } from './codecs/index.ts'
import { type EchoServer, type Handler, startEchoServer } from './echo-server.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions } from './test-proxy.ts'

/** What a filter may refuse a request with. */
export const DENIED: Failure = {
  code: 'denied',
  type: ErrorType.Denied,
  message: 'no entry',
  source: 'proxy',
  retriable: 'no',
}

/** A filter of these handlers. */
export function filter(name: string, make: Filter | ((host: FilterHost) => Filter)): FilterDefinition {
  return {
    name,
    typeUrl: `type.googleapis.com/test.${name}`,
    parse: () => undefined,
    create: (_config, host) => (typeof make === 'function' ? make(host) : make),
  }
}

/** A filter that writes down when it is called. */
export function witness(name: string, log: string[]): FilterDefinition {
  return filter(name, {
    onRequest() {
      log.push(`${name}>`)
      return FilterStatus.Continue
    },
    onReply() {
      log.push(`<${name}`)
      return FilterStatus.Continue
    },
    onDone() {
      log.push(`${name}.`)
    },
  })
}

export interface FilteredSetup extends AsyncDisposable {
  readonly server: EchoServer
  readonly proxy: TestProxy
  readonly client: RawClient
}

/** The codec is `mutable` if not said. The end checks that nothing is under way and no timer is set. */
export async function setUpFiltered(
  filters: readonly FilterDefinition[],
  options: Partial<TestProxyOptions> & { readonly handler?: Handler } = {},
): Promise<FilteredSetup> {
  const { codec = mutable, handler, ...rest } = options
  const server = await startEchoServer({ codec, ...(handler === undefined ? {} : { handler }) })
  const entries = filters.map(({ name, typeUrl }) => ({ name, typeUrl, config: undefined }))
  const proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    ...rest,
    filters,
    filter: { filters: entries, ...rest.filter },
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    server,
    proxy,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await proxy.until('request_active', 0)
      assert.equal(proxy.proxy.timerCount, 0)
      await proxy[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

/** A request in the `mutable` protocol. */
export function mutableRequest(id: number, pairs: Record<string, string> = {}): Buffer {
  return mutableFrame({ id, pairs, body: 'body' })
}
