import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../harness/free-port.ts'
import type { Outcome, PeerServer } from '../peer-program.ts'
import { Drip } from '../thrift/drip.ts'
import { Meltemi } from '../thrift/meltemi.ts'
import { javaPeer } from './peer.ts'

const CODEC = 'brpc'
const CALLS = ['say', 'attach', 'attachOnly', 'big', 'many', 'gzip', 'logId', 'fail', 'say']
const ERROR_CALLS = 20
const MAX_ERROR_MS = 100

/** What each call must come to, through the proxy or without it. */
const EXPECTED: Readonly<Record<string, object>> = {
  say: { result: 'καλημέρα' },
  attach: { same: true },
  attachOnly: { same: true },
  big: { same: true },
  many: { same: true },
  gzip: { same: true },
  logId: { result: 'logged' },
}

function assertOutcome({ ms: _ms, call, ...outcome }: Outcome): void {
  if (call === 'fail') assert.match(String(outcome['error']), /nobody/)
  else assert.deepEqual(outcome, EXPECTED[call], call)
}

describe('real bRPC peers through Meltemi', () => {
  const silent = net.createServer((socket) => socket.resume())
  let server: PeerServer
  let meltemi: Meltemi

  before(async () => {
    server = await javaPeer.startServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const upstreamPort = server.port
    const silentPort = (silent.address() as net.AddressInfo).port
    meltemi = await Meltemi.start(
      {
        shared: { upstreamPort },
        exclusive: { upstreamPort, multiplexing: false },
        byMethod: { upstreamPort, match: ['method', 'Say'] },
        byService: { upstreamPort, match: ['interface', 'test.Echo'] },
        byLogId: { upstreamPort, match: ['log_id', '77'] },
        noRoute: { upstreamPort, match: ['service', 'other'] },
        refused: { upstreamPort: await freePort() },
        silent: { upstreamPort: silentPort, requestTimeout: '0.03s' },
        changing: { upstreamPort, requestMutation: { a: 'b' }, responseMutation: { c: 'd' } },
      },
      CODEC,
    )
  })
  after(async () => {
    await meltemi?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
    silent.close()
  })

  test('the peers understand each other', async () => {
    for (const outcome of await javaPeer.runClient(server.port, CALLS)) assertOutcome(outcome)
  })

  for (const listener of ['shared', 'exclusive']) {
    test(`every call comes to what it comes to without the proxy (${listener})`, async () => {
      for (const outcome of await javaPeer.runClient(meltemi.port(listener), CALLS)) assertOutcome(outcome)
    })
  }

  test('peers do not mind that user fields were added', async () => {
    for (const outcome of await javaPeer.runClient(meltemi.port('changing'), CALLS)) assertOutcome(outcome)
  })

  test('a client that writes single bytes gets every answer', async () => {
    await using drip = await Drip.start(meltemi.port('shared'))
    const calls = ['say', 'attach', 'many', 'gzip', 'fail']
    for (const outcome of await javaPeer.runClient(drip.port, calls)) assertOutcome(outcome)
  })

  test('calls are routed by service, method and log id', async () => {
    const [say, fail] = await javaPeer.runClient(meltemi.port('byMethod'), ['say', 'fail'])
    assertOutcome(say!)
    assertLocal(fail!, /no matched route/)
    for (const outcome of await javaPeer.runClient(meltemi.port('byService'), ['say', 'fail'])) assertOutcome(outcome)
    const [logId, other] = await javaPeer.runClient(meltemi.port('byLogId'), ['logId', 'say'])
    assertOutcome(logId!)
    assertLocal(other!, /no matched route/)
  })

  for (const [listener, message] of [
    ['noRoute', /meta protocol router: no matched route/],
    ['refused', /meta protocol upstream request: remote connection failure/],
    ['silent', /meta protocol router: request timeout for cluster 'silent'/],
  ] as const) {
    test(`a client gets the error of the proxy itself (${listener}) within ${MAX_ERROR_MS} ms, and goes on`, async () => {
      const calls = new Array<string>(ERROR_CALLS).fill('say')
      const outcomes = await javaPeer.runClient(meltemi.port(listener), calls)
      for (const outcome of outcomes) assertLocal(outcome, message)
      const median = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)[ERROR_CALLS >> 1] as number
      assert.ok(median < MAX_ERROR_MS, `half of the errors took ${median} ms and more`)
    })
  }

  test('a client is told that its service has died', async () => {
    await using mortal = await javaPeer.startServer()
    await using own = await Meltemi.start({ own: { upstreamPort: mortal.port } }, CODEC)
    const [outcome] = await javaPeer.runClient(own.port('own'), ['crash'])
    assertLocal(outcome!, /remote connection failure/)
  })

  test('five clients at once share the connections to one server', async () => {
    const clients = Array.from({ length: 5 }, () => javaPeer.runClient(meltemi.port('shared'), CALLS))
    for (const outcomes of await Promise.all(clients)) for (const outcome of outcomes) assertOutcome(outcome)
  })
})

/** The library keeps the text of an error reply; its codes are checked byte by byte beside the codec. */
function assertLocal(outcome: Outcome, message: RegExp): void {
  assert.match(String(outcome['error']), message)
}
