import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../harness/free-port.ts'
import { Meltemi } from '../thrift/meltemi.ts'
import { assertLocalError, assertOutcome, JAVA_CALLS, UNSEEN, until } from './expected.ts'
import { JAVA_PEERS, type Outcome, type Peer, PeerClient, PeerServer } from './peers.ts'

const CODEC = 'dubbo'
/** By then the consumer has loaded and compiled what it needs to take an exception. */
const WARM_UP_CALLS = 20
const ERROR_CALLS = 20
const MAX_ERROR_MS = 100
/** As many times the machine may pause on its own, for longer than an error may take. */
const MAX_ROUNDS = 3
/** Part of the time in which a timeout is told. */
const REQUEST_TIMEOUT_MS = 30
const ADDED = { added: 'by the proxy 😀' } as const
const ANSWER_ADDED = { 'answer-added': 'by the proxy too 😀' } as const

/** Listener, Dubbo's word for it in an RpcException (1: network, 2: timeout), and the text. */
const LOCAL_ERRORS = [
  ['noRoute', 1, /meta protocol router: no matched route for request '\d+'/],
  ['refused', 1, /meta protocol upstream request: remote connection failure/],
  ['silent', 2, /meta protocol router: request timeout for cluster 'silent'/],
  ['talkative', 1, /message begins with/],
] as const

describe('real Java peers through Meltemi', () => {
  const servers = new Map<Peer, PeerServer>()
  const clients = new Map<Peer, PeerClient>()
  const silent = net.createServer((socket) => socket.resume())
  const talkative = net.createServer((socket) => socket.end('no Dubbo at all'))
  let meltemi: Meltemi

  before(async () => {
    for (const peer of JAVA_PEERS) servers.set(peer, await PeerServer.start(peer))
    for (const peer of JAVA_PEERS) clients.set(peer, new PeerClient(peer))
    for (const server of [silent, talkative]) await once(server.listen(0, '127.0.0.1'), 'listening')
    const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port
    const upstreamPort = servers.get('java-3')!.port
    meltemi = await Meltemi.start(
      {
        'java-2.7': { upstreamPort: servers.get('java-2.7')!.port },
        'java-3': { upstreamPort },
        exclusive: { upstreamPort, multiplexing: false },
        changing: { upstreamPort, requestMutation: ADDED, responseMutation: ANSWER_ADDED },
        changing27: {
          upstreamPort: servers.get('java-2.7')!.port,
          requestMutation: ADDED,
          responseMutation: ANSWER_ADDED,
        },
        blue: { upstreamPort, match: ['group', 'blue'] },
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

  for (const peer of JAVA_PEERS) {
    const call = (listener: string, name: string) => clients.get(peer)!.call(meltemi.port(listener), name)

    for (const server of JAVA_PEERS) {
      test(`a ${peer} consumer gets every answer of a ${server} provider`, async () => {
        for (const name of JAVA_CALLS) assertOutcome(await call(server, name), server, seenBy(peer, name))
      })
      test(`what a ${peer} consumer says one way reaches a ${server} provider once`, async () => {
        const before = Number((await call(server, 'notes'))['result'])
        for (let n = 0; n < 3; n++) await call(server, 'note')
        // nobody says that it has arrived, but the connection is one, and what follows comes behind it
        await until(async () => Number((await call(server, 'notes'))['result']) === before + 3)
      })
    }

    test(`a ${peer} consumer gets every answer over a connection of its own`, async () => {
      for (const name of JAVA_CALLS) assertOutcome(await call('exclusive', name), 'java-3', seenBy(peer, name))
    })

    for (const [listener, server] of [
      ['changing', 'java-3'],
      ['changing27', 'java-2.7'],
    ] as const) {
      test(`attachments change on their way between ${peer} and ${server}, arguments and results do not`, async () => {
        const attached = {
          sent: { absent: 'null', color: 'blue 😀', ...ADDED },
          answerAdded: ANSWER_ADDED['answer-added'],
        }
        for (const name of JAVA_CALLS) {
          const changed = name === 'attached' ? attached : {}
          assertOutcome(await call(listener, name), server, { ...changed, ...seenBy(peer, name) })
        }
      })
    }

    test(`calls of a ${peer} consumer are routed by group and by version`, async () => {
      for (const listener of ['blue', 'version']) {
        assertOutcome(await call(listener, 'blue'), 'java-3')
        assertLocalError(await call(listener, 'text'), 1, /no matched route/)
      }
    })

    for (const [listener, code, message] of LOCAL_ERRORS) {
      test(`a ${peer} consumer gets what went wrong with '${listener}' as an exception within ${MAX_ERROR_MS} ms`, async () => {
        const round = async (calls: number) => {
          const outcomes: Outcome[] = []
          for (let n = 0; n < calls; n++) outcomes.push(await call(listener, n % 2 === 0 ? 'text' : 'item'))
          for (const outcome of outcomes) assertLocalError(outcome, code, message)
          return Math.max(...outcomes.map(({ ms }) => ms))
        }
        await round(WARM_UP_CALLS)
        const slowest: number[] = []
        do slowest.push(await round(ERROR_CALLS))
        while (Math.min(...slowest) >= MAX_ERROR_MS && slowest.length < MAX_ROUNDS)
        assert.ok(Math.min(...slowest) < MAX_ERROR_MS, `in each round of ${ERROR_CALLS} one took ${slowest} ms`)
      })
    }
  }
})

function seenBy(client: Peer, call: string): object {
  return client === 'java-2.7' && call === 'attached' ? UNSEEN : {}
}
