import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../harness/free-port.ts'
import type { Outcome, PeerServer } from '../peer-program.ts'
import { Drip } from '../thrift/drip.ts'
import { Meltemi } from '../thrift/meltemi.ts'
import { goPeer } from './peer.ts'

const CODEC = 'trpc'
const UNARY = ['say', 'big', 'meta', 'fail', 'break', 'added', 'note']
const STREAMS = ['sum', 'list', 'parrot', 'pump', 'metaStream', 'failStream', 'breakStream', 'addedStream']
const ERROR_CALLS = 20
const MAX_ERROR_MS = 100

/** What each call must come to, through the proxy or without it. */
const EXPECTED: Readonly<Record<string, object>> = {
  say: { result: 'καλημέρα' },
  big: { same: true },
  meta: { result: 'token=t,user=ü', answered: 'yes', stamp: '' },
  fail: { code: 404, message: 'nobody', isFramework: false },
  break: { code: 31, message: 'broken', isFramework: true },
  note: { counted: true },
  sum: { result: '1+2+3' },
  list: { result: ['n0', 'n1', 'n2'] },
  parrot: { result: ['word 0', 'word 1', 'word 2', 'word 3', 'word 4'], ended: true },
  pump: { count: 300 },
  metaStream: { result: 'user=ü' },
}
const ERRORS: Readonly<Record<string, readonly [code: number, message: RegExp]>> = {
  added: [12, /Added/],
  // the client says what it has done itself, and why
  failStream: [351, /code:404, msg:nobody/],
  breakStream: [351, /code:31, msg:broken/],
  addedStream: [12, /AddedStream/],
}

function assertOutcome({ ms: _ms, call, ...outcome }: Outcome): void {
  const error = ERRORS[call]
  if (error === undefined) {
    assert.deepEqual(outcome, EXPECTED[call], call)
    return
  }
  assert.equal(outcome['code'], error[0], call)
  assert.match(String(outcome['message']), error[1], call)
}

test('the peers understand each other', async () => {
  await using server = await goPeer.startServer()
  for (const outcome of await goPeer.runClient(server.port, [...UNARY, ...STREAMS])) assertOutcome(outcome)
})

describe('real tRPC peers through Meltemi', () => {
  const silent = net.createServer((socket) => socket.resume())
  let server: PeerServer
  let meltemi: Meltemi

  before(async () => {
    server = await goPeer.startServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const upstreamPort = server.port
    const silentPort = (silent.address() as net.AddressInfo).port
    meltemi = await Meltemi.start(
      {
        shared: { upstreamPort },
        exclusive: { upstreamPort, multiplexing: false },
        changing: { upstreamPort, requestMutation: { user: 'changed' }, responseMutation: { stamp: 'meltemi' } },
        byFunc: { upstreamPort, match: ['func', '/trpc.test.echo.Echo/Say'] },
        byTransInfo: { upstreamPort, match: ['user', 'ü'] },
        noRoute: { upstreamPort, match: ['callee', 'other'] },
        refused: { upstreamPort: await freePort() },
        silent: { upstreamPort: silentPort, requestTimeout: '0.03s' },
      },
      CODEC,
    )
  })
  after(async () => {
    await meltemi?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
    silent.close()
  })

  for (const listener of ['shared', 'exclusive']) {
    test(`every call comes to what it comes to without the proxy (${listener})`, async () => {
      for (const outcome of await goPeer.runClient(meltemi.port(listener), UNARY)) assertOutcome(outcome)
    })

    for (const kind of STREAMS) {
      test(`streams pass: ${kind} (${listener})`, async () => {
        for (const outcome of await goPeer.runClient(meltemi.port(listener), [kind, kind])) assertOutcome(outcome)
      })
    }

    test(`a client that cancels ends its stream at the service (${listener})`, async () => {
      const [cancel] = await goPeer.runClient(meltemi.port(listener), ['cancel'])
      assert.equal(cancel!['code'], 161)
      for (const outcome of await goPeer.runClient(meltemi.port(listener), ['parrot', 'say'])) assertOutcome(outcome)
    })

    test(`a service that dies ends calls and streams with the proxy's code and text (${listener})`, async () => {
      for (const call of ['crash', 'crashStream']) {
        await using mortal = await goPeer.startServer()
        const options = { upstreamPort: mortal.port, multiplexing: listener === 'shared' }
        await using own = await Meltemi.start({ own: options }, CODEC)
        const [outcome] = await goPeer.runClient(own.port('own'), [call])
        const said = /meta protocol upstream request: remote connection failure/
        if (call === 'crash') assertLocal(outcome!, 31, said)
        else assertLocal(outcome!, 351, new RegExp(`code:31, msg:${said.source}`))
      }
    })
  }

  test('a client that writes single bytes gets every answer', async () => {
    await using drip = await Drip.start(meltemi.port('shared'))
    const calls = ['say', 'meta', 'fail', 'sum', 'list', 'parrot']
    for (const outcome of await goPeer.runClient(drip.port, calls)) assertOutcome(outcome)
  })

  test('ten clients at once share the connections to one server', async () => {
    const calls = ['say', 'sum', 'parrot', 'pump', 'meta']
    const clients = Array.from({ length: 10 }, () => goPeer.runClient(meltemi.port('shared'), calls))
    for (const outcomes of await Promise.all(clients)) for (const outcome of outcomes) assertOutcome(outcome)
  })

  test('a route changes trans_info both ways, of calls and of what opens a stream', async () => {
    const [meta, stream] = await goPeer.runClient(meltemi.port('changing'), ['meta', 'metaStream'])
    assert.deepEqual([meta!['result'], meta!['answered']], ['token=t,user=changed', 'yes'])
    assert.equal(meta!['stamp'], 'meltemi')
    assert.equal(stream!['result'], 'user=changed')
  })

  test('calls and streams are routed by their names and by trans_info', async () => {
    const [say, fail] = await goPeer.runClient(meltemi.port('byFunc'), ['say', 'fail'])
    assertOutcome(say!)
    assertLocal(fail!, 11, /no matched route/)
    const [meta, metaStream, other] = await goPeer.runClient(meltemi.port('byTransInfo'), [
      'meta',
      'metaStream',
      'list',
    ])
    for (const outcome of [meta!, metaStream!]) assertOutcome(outcome)
    assertLocal(other!, 11, /no matched route/)
  })

  for (const [listener, code, message] of [
    ['noRoute', 11, /^meta protocol router: no matched route/],
    ['refused', 31, /^meta protocol upstream request: remote connection failure/],
    ['silent', 21, /^meta protocol router: request timeout for cluster 'silent'/],
  ] as const) {
    test(`a client gets code ${code} from the proxy itself within ${MAX_ERROR_MS} ms, and goes on`, async () => {
      const outcomes = await goPeer.runClient(meltemi.port(listener), new Array<string>(ERROR_CALLS).fill('say'))
      for (const outcome of outcomes) assertLocal(outcome, code, message)
      const median = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)[ERROR_CALLS >> 1] as number
      assert.ok(median < MAX_ERROR_MS, `half of the errors took ${median} ms and more`)
    })
  }

  for (const [listener, code] of [
    ['noRoute', 11],
    ['refused', 31],
  ] as const) {
    test(`a stream that the proxy refuses fails with code ${code} when it is opened`, async () => {
      for (const outcome of await goPeer.runClient(meltemi.port(listener), ['sum', 'list', 'parrot'])) {
        assert.equal(outcome['code'], code, outcome.call)
        assert.match(String(outcome['message']), /meta protocol/)
      }
    })
  }
})

/** An error of the framework, and not one of the service. */
function assertLocal(outcome: Outcome, code: number, message: RegExp): void {
  assert.deepEqual([outcome['code'], outcome['isFramework']], [code, true])
  assert.match(String(outcome['message']), message)
}
