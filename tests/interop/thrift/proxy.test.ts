import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../harness/free-port.ts'
import { Drip } from './drip.ts'
import { assertOutcomes } from './expected.ts'
import { Meltemi } from './meltemi.ts'
import {
  callsBetween,
  LANGUAGES,
  type Language,
  type Outcome,
  type PeerOptions,
  type PeerServer,
  runClient,
  SMALL_CALLS,
  startServer,
} from './peers.ts'

const ERROR_CALLS = 20
const MAX_ERROR_MS = 100
/** Of the client's and the machine's own, once in a run; without one the slowest of a thousand errors takes 80 ms. */
const MAX_PAUSE_MS = 100
/** Part of the time in which a timeout is told. */
const REQUEST_TIMEOUT_MS = 30
const LOCAL_ERRORS = [
  ['noRoute', 1, /^meta protocol router: no matched route/],
  ['refused', 6, /^meta protocol upstream request: remote connection failure/],
  ['silent', 12, /^meta protocol router: request timeout for cluster 'silent'/],
] as const

for (const transport of ['framed', 'buffered', 'header'] as const) {
  for (const protocol of ['binary', 'compact'] as const) testDialect({ transport, protocol })
}

testMultiplexed({ transport: 'framed', protocol: 'binary', multiplexed: true })
testMultiplexed({ transport: 'buffered', protocol: 'compact', multiplexed: true })

function testDialect(options: PeerOptions): void {
  describe(`real Thrift peers through Meltemi, ${options.transport} ${options.protocol}`, () => {
    const servers = new Map<Language, PeerServer>()
    const silent = net.createServer((socket) => socket.resume())
    let meltemi: Meltemi
    before(async () => {
      for (const language of LANGUAGES) servers.set(language, await startServer(language, options))
      silent.listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const portOf = (language: Language) => servers.get(language)!.port
      meltemi = await Meltemi.start({
        npm: { upstreamPort: portOf('npm') },
        python: { upstreamPort: portOf('python') },
        go: { upstreamPort: portOf('go') },
        exclusive: { upstreamPort: portOf('go'), multiplexing: false },
        impatient: {
          upstreamPort: portOf('go'),
          requestTimeout: '0.5s', // less than the pause
          onewayMethods: ['note'],
        },
        noRoute: { upstreamPort: portOf('go'), match: ['method', 'other'] },
        refused: { upstreamPort: await freePort() },
        silent: {
          upstreamPort: (silent.address() as net.AddressInfo).port,
          requestTimeout: `${REQUEST_TIMEOUT_MS / 1000}s`,
        },
      })
    })
    after(async () => {
      await meltemi?.[Symbol.asyncDispose]()
      for (const server of servers.values()) await server[Symbol.asyncDispose]()
      silent.close()
    })

    for (const client of LANGUAGES) {
      for (const server of LANGUAGES) {
        test(`a ${client} client gets every answer of a ${server} server`, async () => {
          const calls = callsBetween(options, client, server)
          assertOutcomes(await runClient(client, options, meltemi.port(server), calls), server)
        })
      }
      test(`a ${client} client gets every answer over a connection of its own`, async () => {
        const calls = callsBetween(options, client, 'go')
        assertOutcomes(await runClient(client, options, meltemi.port('exclusive'), calls), 'go')
      })
      test(`a ${client} client that writes single bytes gets every answer`, async () => {
        await using drip = await Drip.start(meltemi.port('go'))
        assertOutcomes(await runClient(client, options, drip.port, SMALL_CALLS), 'go')
      })
      for (const [listener, exceptionType, message] of LOCAL_ERRORS) {
        test(`a ${client} client gets exception ${exceptionType} from the proxy itself within ${MAX_ERROR_MS} ms, and goes on`, async () => {
          const calls = Array.from({ length: ERROR_CALLS }, (_, n) => (n % 2 === 0 ? 'text' : 'item'))
          const outcomes = await runClient(client, options, meltemi.port(listener), calls)
          for (const outcome of outcomes) assertLocalError(outcome, exceptionType, message)
          assertFast(outcomes)
        })
      }
    }
    test('a Go client gets no late error for a one-way call, which it sends as a call like others', async () => {
      const calls = ['note', 'pause', 'text', 'note', 'text']
      assertOutcomes(await runClient('go', options, meltemi.port('impatient'), calls), 'go')
    })
    test('ten clients at once share the connections to one server', async () => {
      const clients = Array.from({ length: 10 }, (_, n) => LANGUAGES[n % LANGUAGES.length] as Language)
      const outcomes = await Promise.all(
        clients.map((client) => runClient(client, options, meltemi.port('go'), callsOfCrowd(options, client))),
      )
      for (const outcome of outcomes) assertOutcomes(outcome, 'go')
    })
  })
}

function testMultiplexed(options: PeerOptions): void {
  for (const language of LANGUAGES) {
    const name = `${options.transport} ${options.protocol}`
    test(`multiplexed ${language} peers, ${name}, are routed by the service in the name`, async () => {
      await using server = await startServer(language, options)
      const upstreamPort = server.port
      await using meltemi = await Meltemi.start({
        echo: { upstreamPort, match: ['service', 'echo'] },
        other: { upstreamPort, match: ['service', 'other'] },
      })
      assertOutcomes(await runClient(language, options, meltemi.port('echo'), SMALL_CALLS), language)
      const outcomes = await runClient(language, options, meltemi.port('other'), ['text', 'item'])
      for (const outcome of outcomes) assertLocalError(outcome, 1, /no matched route/)
    })
  }
}

/** Without `note`: the others' notes would be counted too. */
function callsOfCrowd(options: PeerOptions, client: Language): readonly string[] {
  return callsBetween(options, client, 'go').filter((call) => call !== 'note')
}

function assertLocalError(outcome: Outcome, exceptionType: number, message: RegExp): void {
  assert.deepEqual([outcome.exception, outcome.type], ['TApplicationException', exceptionType])
  assert.match(String(outcome.message), message)
}

/** The promised time holds for most of the errors, and for all of them but for a pause. */
function assertFast(outcomes: readonly Outcome[]): void {
  const times = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)
  const medianMs = times[times.length >> 1] as number
  const maxMs = times.at(-1) as number
  assert.ok(medianMs < MAX_ERROR_MS, `half of the errors took ${medianMs} ms and more`)
  assert.ok(maxMs < MAX_ERROR_MS + MAX_PAUSE_MS, `one of the errors took ${maxMs} ms`)
}
