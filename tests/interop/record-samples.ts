/** Records what peers say to each other: as the golden bytes of a codec, and as samples for its judge. */

import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { codecs } from '@meltemi/cli'
import { type CodecDefinition, MessageType, type Metadata } from '@meltemi/sdk'
import { factsOf, feed, formatSampleText, type Sample } from '@meltemi/sdk/testing'
import type { PeerProgram } from './peer-program.ts'

export interface Recording {
  /** Its folder among the codecs, and the end of its name. */
  readonly codec: string
  readonly conversations: readonly Conversation[]
  /** Of the properties that these peers set themselves. */
  readonly changeable: readonly string[]
}

interface Conversation {
  /** Begins the names of its files. */
  readonly name: string
  readonly client: PeerProgram
  readonly server: PeerProgram
  readonly calls: readonly string[]
}

type Said = readonly [side: Sample['side'], bytes: Buffer]

/** Replaces `testdata/*.bin` and `samples/*.hex` of the codec; of a call one message of each shape is a sample, of streams one of all. */
export async function recordSamples({ codec: name, conversations, changeable }: Recording): Promise<void> {
  const definition = codecs.find((codec) => codec.name.endsWith(`.${name}`)) as CodecDefinition
  const home = new URL(`../../packages/codecs/src/${name}/`, import.meta.url)
  empty(new URL('samples/', home), '.hex')
  empty(new URL('testdata/', home), '.bin')
  for (const { name: peers, client, server, calls } of conversations) {
    const shapes = new Set<string>()
    await using running = await server.startServer()
    for (const call of calls) {
      for (const [side, bytes] of await tap(running.port, (port) => client.runClient(port, [call]))) {
        const kind = side === 'downstream' ? 'request' : 'reply'
        writeFileSync(new URL(`testdata/${peers}-${call}.${kind}.bin`, home), bytes)
        for (const [n, message] of feed(definition, { name: call, side, bytes }, [bytes]).entries()) {
          const shape = `${side} ${message.streamId > 0 ? '' : call} ${shapeOf(message)}`
          if (shapes.has(shape)) continue
          shapes.add(shape)
          const sample = { bytes: message.message, ...fieldsOf(message, changeable) }
          const text = formatSampleText(sample, `message ${n + 1} of ${call}, ${peers}`)
          writeFileSync(new URL(`samples/${peers}-${call}-${n + 1}.${kind}.hex`, home), text)
        }
      }
    }
  }
}

/** What passes between a client and the server on this port, of all its connections one after the other. */
async function tap(serverPort: number, run: (port: number) => Promise<unknown>): Promise<readonly Said[]> {
  const sent: Buffer[][] = []
  const received: Buffer[][] = []
  const server = net.createServer((socket) => {
    const [requests, replies]: [Buffer[], Buffer[]] = [[], []]
    sent.push(requests)
    received.push(replies)
    const upstream = net.connect(serverPort, '127.0.0.1')
    socket.on('data', (chunk: Buffer) => requests.push(chunk)).pipe(upstream)
    upstream.on('data', (chunk: Buffer) => replies.push(chunk)).pipe(socket)
    for (const end of [socket, upstream]) end.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await run((server.address() as net.AddressInfo).port)
  server.close()
  return [
    ['downstream', Buffer.concat(sent.flat())],
    ['upstream', Buffer.concat(received.flat())],
  ]
}

/** Messages of one shape differ in nothing that a codec looks at. */
function shapeOf(message: Metadata): string {
  const { type, status, streamId, timeoutMs, properties } = factsOf(message)
  const streamFrame = streamId > 0 ? message.message[3] : ''
  return [type, status, streamFrame, timeoutMs > 0, ...Object.keys(properties)].join()
}

function fieldsOf(message: Metadata, changeable: readonly string[]): Partial<Sample> {
  const keys = changeable.filter((key) => message.get(key) !== undefined)
  const hasId = message.type !== MessageType.Error || message.streamId === 0
  return { ...(keys.length > 0 ? { changeable: keys } : {}), ...(hasId ? {} : { ids: false }) }
}

function empty(folder: URL, ending: string): void {
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (file.endsWith(ending)) rmSync(new URL(file, folder))
}
