/** What a proxy does to requests by itself: faults, changes of metadata, answers of its own. */

import assert from 'node:assert/strict'
import type {
  FaultConfig,
  FilterConfig,
  Fraction,
  MetadataOperation,
  MetadataOperationsConfig,
  StringMatch,
} from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import { type EchoServer, type Handler, startEchoServer } from './echo-server.ts'
import type { TestedProtocol } from './four-protocols.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions } from './test-proxy.ts'

export const FAULT = 'meltemi.filters.fault'
export const METADATA = 'meltemi.filters.metadata'

export const ALWAYS: Fraction = { numerator: 100, denominator: 100 }

export function faultFilter(parts: Partial<FaultConfig> = {}): FilterConfig {
  const parsed: FaultConfig = {
    match: { metadata: [] },
    delay: undefined,
    abort: undefined,
    maxActiveFaults: 1_024,
    statPrefix: '',
    ...parts,
  }
  return { name: FAULT, typeUrl: 'type.googleapis.com/meltemi.filters.fault.v1.Fault', config: {}, parsed }
}

export function abort(share: Fraction = ALWAYS, errorType: NonNullable<FaultConfig['abort']>['errorType'] = 'Fault') {
  return { abort: { errorType, share } }
}

export function delay(delayMs: number, share: Fraction = ALWAYS) {
  return { delay: { delayMs, share } }
}

export function metadataFilter(
  request: readonly MetadataOperation[],
  response: readonly MetadataOperation[] = [],
): FilterConfig {
  const parsed: MetadataOperationsConfig = { request, response }
  const typeUrl = 'type.googleapis.com/meltemi.filters.metadata.v1.MetadataOperations'
  return { name: METADATA, typeUrl, config: {}, parsed }
}

/** Matches what has exactly this value. */
export function matching([name, text]: readonly [key: string, value: string], invert = false) {
  const test: StringMatch = { kind: 'exact', text, ignoreCase: false }
  return { metadata: [{ name, test, invert, treatMissingAsEmpty: false }] }
}

export interface ActionSetup extends AsyncDisposable {
  readonly server: EchoServer
  readonly proxy: TestProxy
  readonly client: RawClient
}

/** The end checks that nothing is under way, and that no timer is set and no limit held. */
export async function setUpActions(
  { codec, answer }: Pick<TestedProtocol, 'codec'> & Partial<TestedProtocol>,
  filters: readonly FilterConfig[],
  options: Partial<TestProxyOptions> & { readonly handler?: Handler } = {},
): Promise<ActionSetup> {
  const { handler, ...rest } = options
  const server = await startEchoServer({ codec, ...(handler && { handler }), ...(answer && { answer }) })
  const proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    multiplexing: true,
    filters: proxyFilters,
    ...rest,
    filter: { filters, ...rest.filter },
  }).catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    server,
    proxy,
    client,
    async [Symbol.asyncDispose]() {
      try {
        await client.close()
        await proxy.until('request_active', 0)
        assert.equal(proxy.stat('fault.active_faults'), 0)
        assert.equal(proxy.proxy.timerCount, 0)
      } finally {
        await proxy[Symbol.asyncDispose]()
        await server.close()
      }
      assert.equal(proxy.limitsInUse, 0)
    },
  }
}
