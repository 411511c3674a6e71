import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeClock } from '@meltemi/runtime/testing'
import { localMetrics, memoryLogger, valueOf } from '../testing/silent.ts'
import { WebhookServer } from '../webhook/webhook-server.ts'
import type { Cluster } from './connect-cluster.ts'
import { connectTo } from './testing/connect-to.ts'
import { WebhookKeeper } from './webhook-keeper.ts'

interface ApiServer extends AsyncDisposable {
  readonly cluster: Cluster
  /** Authorities that it trusts. */
  trusted(): string
}

/** One Secret and one registration, as the real API server has them in `tests/interop/kubernetes/webhook.test.ts`. */
async function startApiServer(url: string): Promise<ApiServer> {
  let version = 1
  const data: Record<string, string> = {}
  let caBundle = ''
  const registration = () => ({ webhooks: [{ name: 'a', clientConfig: { url, caBundle } }] })
  const secret = () => ({ metadata: { resourceVersion: `${version}` }, data })
  const patch = async (asked: IncomingMessage): Promise<number> => {
    const body = (await json(asked)) as ReturnType<typeof secret> & ReturnType<typeof registration>
    if (body.webhooks !== undefined) caBundle = body.webhooks[0]?.clientConfig.caBundle ?? ''
    else if (body.metadata.resourceVersion !== `${version}`) return 409
    else {
      version++
      for (const [name, value] of Object.entries(body.data)) {
        if (value === null) delete data[name]
        else data[name] = value
      }
    }
    return 200
  }
  const server = createServer(async (asked, response) => {
    if (asked.method === 'PATCH') response.statusCode = await patch(asked)
    response.end(JSON.stringify(asked.url?.includes('/secrets/') ? secret() : registration()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cluster = await connectTo(`http://127.0.0.1:${port}`)
  return {
    cluster,
    trusted: () => Buffer.from(caBundle, 'base64').toString(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Whether an API server that trusts these authorities gets an answer; it need not be a good one. */
async function isAnswered(port: number, ca: string): Promise<boolean> {
  const asking = request({ host: '127.0.0.1', port, ca, path: '/validate', agent: false })
  asking.end()
  try {
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    response.resume()
    return true
  } catch {
    return false
  }
}

test('two replicas serve certificates that the API server trusts, over three of their lives', async () => {
  // it ends less than five minutes after real time, by which TLS looks at certificates
  const clock = new FakeClock(Date.now())
  const logger = memoryLogger()
  const metrics = [localMetrics(), localMetrics()]
  const address = { host: '127.0.0.1', port: 0 }
  const servers = metrics.map((own) => new WebhookServer({ address, logger, metrics: own }))
  const ports = await Promise.all(servers.map((server) => server.listen()))
  await using api = await startApiServer(`https://127.0.0.1:${ports[0]}/validate`)
  let leader = 0
  const times = { validMs: 90_000, settleMs: 10_000, checkMs: 2_000 }
  const keepers = servers.map((server, index) => {
    const own = { cluster: api.cluster, namespace: 'mesh', name: 'webhook', server, logger, clock, ...times }
    return new WebhookKeeper({ ...own, metrics: metrics[index] ?? localMetrics(), isLeader: () => leader === index })
  })
  const changes = () => metrics.reduce((sum, own) => sum + valueOf(own, 'control_plane.webhook_certificate_changes'), 0)
  const late: string[] = []
  let asked = 0
  /** Two seconds, and what the keepers do then. The API server that asks hears of changes six seconds late. */
  const step = async () => {
    clock.advance(2_000)
    while (clock.pendingTimers < keepers.length) await sleep(1)
    late.push(api.trusted())
    const known = late.at(-4) ?? ''
    if (known === '') return
    asked++
    for (const port of ports) assert.ok(await isAnswered(port, known), `after ${clock.now()} ms, ${changes()} changes`)
  }
  const until = async (holds: () => boolean) => {
    for (let steps = 0; !holds(); steps++) {
      assert.ok(steps < 60, 'in vain')
      await step()
    }
  }
  try {
    for (const keeper of keepers) keeper.start()
    await until(() => asked > 3)
    // each life is two changes: the next one is made, and served
    for (const many of [3, 5, 7]) {
      await until(() => changes() >= many)
      for (let more = 0; more < 5; more++) await step()
      leader = 1 - leader
    }
    assert.ok(
      metrics.every((own) => valueOf(own, 'control_plane.webhook_certificate_changes') > 0),
      'both have led',
    )
  } finally {
    for (const keeper of keepers) await keeper.stop()
    for (const server of servers) await server.close()
  }
  assert.equal(clock.pendingTimers, 0)
})
