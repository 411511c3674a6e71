import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ErrorType, type Failure } from '@meltemi/sdk'
import { assertOutcomes } from './expected.ts'
import {
  callsBetween,
  LANGUAGES,
  type Language,
  type PeerOptions,
  type PeerServer,
  runClient,
  SMALL_CALLS,
  startServer,
} from './peers.ts'
import { Relay } from './relay.ts'

const EXCEPTION_TYPES = [
  [ErrorType.RouteNotFound, 1],
  [ErrorType.BadResponse, 7],
  [ErrorType.Unspecified, 6],
  [ErrorType.OverLimit, 11],
  [ErrorType.Timeout, 12],
  [ErrorType.Fault, 13],
] as const

for (const transport of ['framed', 'buffered', 'header'] as const) {
  for (const protocol of ['binary', 'compact'] as const) testDialect({ transport, protocol })
}
testMultiplexed({ transport: 'framed', protocol: 'binary', multiplexed: true })
testMultiplexed({ transport: 'buffered', protocol: 'compact', multiplexed: true })

function testDialect(options: PeerOptions): void {
  describe(`real Thrift peers, ${options.transport} ${options.protocol}`, () => {
    const servers = new Map<Language, PeerServer>()
    before(async () => {
      for (const language of LANGUAGES) servers.set(language, await startServer(language, options))
    })
    after(async () => {
      for (const server of servers.values()) await server[Symbol.asyncDispose]()
    })

    for (const client of LANGUAGES) {
      for (const server of LANGUAGES) {
        const calls = callsBetween(options, client, server)
        if (areSound(options, client, server)) {
          test(`a ${client} client and a ${server} server understand each other`, async () => {
            assertOutcomes(await runClient(client, options, servers.get(server)!.port, calls), server)
          })
        }
        test(`a ${client} client gets every answer of a ${server} server by way of the codec`, async () => {
          await using relay = await Relay.start({ upstreamPort: servers.get(server)!.port })
          assertOutcomes(await runClient(client, options, relay.port, calls), server)
          assert.ok(relay.seen.has(seenText(options)), [...relay.seen].join())
        })
      }
      test(`a ${client} client gets every answer when the codec gets single bytes`, async () => {
        await using relay = await Relay.start({ upstreamPort: servers.get('go')!.port, drips: true })
        assertOutcomes(await runClient(client, options, relay.port, SMALL_CALLS), 'go')
      })
      for (const [errorType, exceptionType] of EXCEPTION_TYPES) {
        test(`a ${client} client gets error type ${errorType} as TApplicationException ${exceptionType}`, async () => {
          await using relay = await Relay.start({ failure: failureOf(errorType) })
          const outcomes = await runClient(client, options, relay.port, ['text', 'item'])
          for (const { exception, type, message } of outcomes) {
            assert.deepEqual([exception, type, message], ['TApplicationException', exceptionType, 'no, not τώρα'])
          }
        })
      }
    }
  })
}

function testMultiplexed(options: PeerOptions): void {
  describe(`multiplexed services, ${options.transport} ${options.protocol}`, () => {
    for (const language of LANGUAGES) {
      test(`the ${language} peers agree, and the codec splits the name`, async () => {
        await using server = await startServer(language, options)
        await using relay = await Relay.start({ upstreamPort: server.port })
        assertOutcomes(await runClient(language, options, relay.port, SMALL_CALLS), language)
        assert.ok(relay.seen.has(seenText(options)), [...relay.seen].join())
      })
      test(`a ${language} client takes a local error for the answer to its call`, async () => {
        await using relay = await Relay.start({ failure: failureOf(ErrorType.RouteNotFound) })
        const [outcome] = await runClient(language, options, relay.port, ['text'])
        assert.equal(outcome?.exception, 'TApplicationException')
        assert.equal(outcome?.type, 1)
      })
    }
  })
}

/** Go sends header frames in parts, which npm cannot read: these two talk by way of the codec only. */
function areSound({ transport }: PeerOptions, client: Language, server: Language): boolean {
  return transport !== 'header' || client === server || (client !== 'npm' && server !== 'npm')
}

function seenText({ transport, protocol, multiplexed }: PeerOptions): string {
  const dialect = `${transport === 'buffered' ? 'unframed' : transport}/${protocol}`
  return [dialect, multiplexed ? 'echo' : '', 'text', transport === 'header' ? 'blue' : ''].join('|')
}

function failureOf(type: ErrorType): Failure {
  return { code: 'test', type, message: 'no, not τώρα', source: 'proxy', retriable: 'no' }
}
