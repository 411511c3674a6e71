/** All that a control plane has for a node, as it comes over ADS, state of the world; every answer is accepted. */

import { setTimeout as sleep } from 'node:timers/promises'
import { DISCOVERY_METHODS, type DiscoveryResponse, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type ClientStream, createGrpcClient } from '@meltemi/runtime/grpc'

const WAIT_MS = 20_000

/** Type → the bytes of each resource. */
export type Received = Readonly<Record<'cluster' | 'endpoint' | 'listener', readonly Uint8Array[]>>

/** Endpoints are those of these services. */
export async function receiveAll(port: number, node: object, services: readonly string[]): Promise<Received> {
  const client = createGrpcClient({ address: `127.0.0.1:${port}` })
  try {
    const stream = new AdsStream(client.open.bind(client), node)
    const cluster = await stream.ask('cluster', [])
    const endpoint = await stream.ask('endpoint', services)
    return { cluster, endpoint, listener: await stream.ask('listener', []) }
  } finally {
    client.close()
  }
}

class AdsStream {
  readonly #stream: ClientStream<(typeof DISCOVERY_METHODS)['ads']['sotw']['input']>
  readonly #answers = new Map<string, DiscoveryResponse>()
  #node: object | undefined
  #end: string | undefined

  constructor(open: ReturnType<typeof createGrpcClient>['open'], node: object) {
    this.#node = node
    this.#stream = open(DISCOVERY_METHODS.ads.sotw, {
      onMessage: (answer) => void this.#answers.set(answer.typeUrl, answer),
      onClose: ({ code, message }) => {
        this.#end = `${code} ${message}`
      },
    })
  }

  /** No names: whatever there is. */
  async ask(type: ResourceType, resourceNames: readonly string[]): Promise<readonly Uint8Array[]> {
    const typeUrl = RESOURCE_TYPES[type]
    const names = { typeUrl, resourceNames: [...resourceNames] }
    this.#stream.write({ ...names, ...(this.#node === undefined ? {} : { node: this.#node }) })
    this.#node = undefined
    const { versionInfo, nonce, resources } = await this.#answer(typeUrl)
    this.#stream.write({ ...names, versionInfo, responseNonce: nonce })
    return resources.map(({ value }) => value)
  }

  async #answer(typeUrl: string): Promise<DiscoveryResponse> {
    for (const endMs = performance.now() + WAIT_MS; ; await sleep(5)) {
      const answer = this.#answers.get(typeUrl)
      if (answer !== undefined) return answer
      if (this.#end !== undefined || performance.now() > endMs)
        throw new Error(`no ${typeUrl}: ${this.#end ?? 'nothing comes'}`)
    }
  }
}
