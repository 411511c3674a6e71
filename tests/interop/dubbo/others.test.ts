/** Peers that are not of Java, between themselves and with one that is. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../harness/free-port.ts'
import { Meltemi } from '../thrift/meltemi.ts'
import { assertOutcome, until } from './expected.ts'
import { OTHER_PEERS, type Outcome, type Peer, PeerClient, PeerServer } from './peers.ts'
import { countHeartbeats, Tap } from './tap.ts'

const CODEC = 'dubbo'
const HEARTBEAT_MS = 500
const REQUEST_TIMEOUT_MS = 30
const ADDED = { added: 'by the proxy 😀' } as const
const ANSWER_ADDED = { 'answer-added': 'by the proxy too 😀' } as const
const SERVERS = ['java-3', 'go', 'npm'] as const
const COMMON_CALLS = ['text', 'blue', 'number', 'crowd', 'attached']

/** Listener, and the text of what its consumer gets. */
const LOCAL_ERRORS = [
  ['noRoute', /meta protocol router: no matched route for request '\d+'/],
  ['refused', /meta protocol upstream request: remote connection failure/],
  ['silent', /meta protocol router: request timeout for cluster 'silent'/],
  ['talkative', /message begins with/],
] as const

/** What comes of a call with attachments, of which the proxy changes some. */
function attached(server: Peer, changes: Readonly<Record<string, string>> = {}): object {
  const answerAdded = 'added' in changes ? ANSWER_ADDED['answer-added'] : null
  return {
    sent: { absent: 'null', added: 'null', color: 'blue 😀', ...changes },
    // an answer of npm's has no attachments of its own
    answered: server === 'npm' ? null : 'dark 😀',
    answerAdded,
  }
}

describe('real peers of Go and of npm through Meltemi', () => {
  const servers = new Map<Peer, PeerServer>()
  const clients = new Map<Peer, PeerClient>()
  const silent = net.createServer((socket) => socket.resume())
  const talkative = net.createServer((socket) => socket.end('no Dubbo at all'))
  let meltemi: Meltemi

  before(async () => {
    for (const peer of SERVERS) servers.set(peer, await PeerServer.start(peer))
    for (const peer of SERVERS) clients.set(peer, new PeerClient(peer))
    for (const server of [silent, talkative]) await once(server.listen(0, '127.0.0.1'), 'listening')
    const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port
    const upstreamPort = servers.get('go')!.port
    const mutations = { requestMutation: ADDED, responseMutation: ANSWER_ADDED }
    const plain = SERVERS.map((peer) => [peer, { upstreamPort: servers.get(peer)!.port }] as const)
    meltemi = await Meltemi.start(
      {
        ...Object.fromEntries(plain),
        ...Object.fromEntries(plain.map(([peer, options]) => [`changing ${peer}`, { ...options, ...mutations }])),
        exclusive: { upstreamPort, multiplexing: false },
        isBlue: { upstreamPort, match: ['group', 'blue'] },
        version: { upstreamPort, match: ['version', '2.0.0'] },
        noRoute: { upstreamPort, match: ['method', 'other'] },
        refused: { upstreamPort: await freePort() },
        silent: { upstreamPort: portOf(silent), requestTimeout: `${REQUEST_TIMEOUT_MS / 1000}s` },
        talkative: { upstreamPort: portOf(talkative) },
      },
      CODEC,
    )
  })
  after(async () => {
    for (const client of clients.values()) await client[Symbol.asyncDispose]()
    await meltemi?.[Symbol.asyncDispose]()
    for (const server of servers.values()) await server[Symbol.asyncDispose]()
    silent.close()
    talkative.close()
  })
  const call = (client: Peer, listener: string, name: string) => clients.get(client)!.call(meltemi.port(listener), name)

  for (const [client, server] of pairs()) {
    test(`a ${client} consumer gets every answer of a ${server} provider, the same as without a proxy`, async () => {
      for (const name of callsOf(server)) {
        const outcome = await call(client, server, name)
        if (name === 'attached') assertOutcome(outcome, server, attached(server))
        else if (name === 'fail') assertThrown(outcome)
        else assertOutcome(outcome, server)
        const direct = await clients.get(client)!.call(servers.get(server)!.port, name)
        assert.deepEqual(comparable(outcome), comparable(direct))
      }
    })

    test(`attachments change on their way between ${client} and ${server}`, async () => {
      const outcome = await call(client, `changing ${server}`, 'attached')
      assertOutcome(outcome, server, attached(server, ADDED))
      assertOutcome(await call(client, `changing ${server}`, 'text'), server)
    })
  }

  test('what Go says one way, and what is said to it one way, arrives once', async () => {
    for (const [client, server] of [
      ['go', 'go'],
      ['go', 'java-3'],
      ['java-3', 'go'],
    ] as const) {
      const before = Number((await call(client, server, 'notes'))['result'])
      for (let n = 0; n < 3; n++) assertOutcome(await call(client, server, 'note'), server)
      await until(async () => Number((await call(client, server, 'notes'))['result']) === before + 3)
    }
  })

  for (const peer of OTHER_PEERS) {
    test(`a ${peer} consumer gets every answer over a connection of its own`, async () => {
      for (const name of ['text', 'blue', 'number', 'crowd']) assertOutcome(await call(peer, 'exclusive', name), 'go')
    })

    test(`calls of a ${peer} consumer are routed by group and by version`, async () => {
      for (const listener of ['isBlue', 'version']) {
        assertOutcome(await call(peer, listener, 'blue'), 'go')
        assert.match(String((await call(peer, listener, 'text'))['message']), /no matched route/)
      }
    })

    for (const [listener, message] of LOCAL_ERRORS) {
      test(`a ${peer} consumer gets what went wrong with '${listener}' as an error with its text`, async () => {
        for (const name of ['text', 'number', 'text']) {
          const outcome = await call(peer, listener, name)
          assert.ok(outcome['exception'] !== undefined, JSON.stringify(outcome))
          assert.match(String(outcome['message']), message)
        }
      })
    }
  }
})

for (const peer of OTHER_PEERS) {
  test(`a ${peer} provider that is killed and comes back: an error at once, then answers again`, async () => {
    const port = await freePort()
    await using meltemi = await Meltemi.start({ own: { upstreamPort: port } }, CODEC)
    await using client = new PeerClient(peer)
    const call = (name: string) => client.call(meltemi.port('own'), name)
    const first = await PeerServer.start(peer, {}, port)
    assertOutcome(await call('text'), peer)
    await first.kill()
    assert.match(String((await call('text'))['message']), /remote connection failure/)
    await using _again = await PeerServer.start(peer, {}, port)
    assertOutcome(await call('text'), peer)
    assertOutcome(await call('number'), peer)
  })
}

test('heartbeats of a go consumer are answered by the proxy, and do not reach the provider', async () => {
  await using server = await PeerServer.start('go')
  await using behind = await Tap.start(server.port)
  await using meltemi = await Meltemi.start({ own: { upstreamPort: behind.port } }, CODEC)
  await using before = await Tap.start(meltemi.port('own'))
  await using client = new PeerClient('go', { heartbeat: String(HEARTBEAT_MS) })
  assertOutcome(await client.call(before.port, 'text'), 'go')
  await until(() => countHeartbeats(before, 'upstream') >= 3)
  const connections = before.connections
  assertOutcome(await client.call(before.port, 'text'), 'go')
  assert.equal(before.connections, connections, 'the consumer has connected again')
  assert.ok(countHeartbeats(before, 'downstream') >= countHeartbeats(before, 'upstream'))
  assert.equal(countHeartbeats(behind, 'downstream'), 0)
})

function* pairs(): Iterable<readonly [client: Peer, server: Peer]> {
  for (const client of SERVERS) {
    for (const server of SERVERS) if (client !== 'java-3' || server !== 'java-3') yield [client, server]
  }
}

function callsOf(server: Peer): readonly string[] {
  return server === 'npm' ? [...COMMON_CALLS, 'fail'] : [...COMMON_CALLS, 'fail', 'nothing']
}

/** Each library tells it in its own words, with the same text within. */
function assertThrown(outcome: Outcome): void {
  assert.ok(outcome['exception'] !== undefined, JSON.stringify(outcome))
  assert.match(String(outcome['message']), /not found: nobody/)
}

/** Messages of Java name ports and times. */
function comparable({ ms: _ms, message: _message, ...facts }: Outcome): object {
  return facts
}
