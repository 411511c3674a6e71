import assert from 'node:assert/strict'
import type { EchoServer } from './echo-server.ts'
import type { RawClient } from './raw-client.ts'
import type { TestProxy } from './test-proxy.ts'

/** A proxy with filters that ask a service of their own, and all that stands around it. */
export interface Asked {
  readonly client: RawClient
  readonly proxy: TestProxy
  readonly service: EchoServer
  /** Who is asked, and as which cluster. */
  readonly asked: AsyncDisposable
  readonly cluster: string
}

/** Ends all of them; fails when anything was left under way. */
export async function endAsked({ client, proxy, service, asked, cluster }: Asked): Promise<void> {
  try {
    await client.close()
    await proxy.until('request_active', 0)
    await proxy.until(`cluster.${cluster}.upstream_rq_active`, 0)
    assert.equal(proxy.proxy.timerCount, 0)
  } finally {
    await proxy[Symbol.asyncDispose]()
    await asked[Symbol.asyncDispose]()
    await service.close()
  }
  assert.equal(proxy.limitsInUse, 0)
}
