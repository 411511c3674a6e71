/** Right bytes for every codec of the harness, and long ones of any length, for the judge and for fuzzing. */

import { type CodecDefinition, MessageType } from '@meltemi/sdk'
import type { Sample } from '@meltemi/sdk/testing'
import { checksummed, checksummedFrame } from './checksummed.ts'
import { mutable, mutableFrame } from './mutable.ts'
import { optioned, optionedFrame } from './optioned.ts'
import { ordered } from './ordered.ts'
import { session, sessionFrame, transaction } from './session.ts'
import { StreamingFlag, streaming, streamingFrame } from './streaming.ts'
import { uuid, uuidFrame } from './uuid.ts'

export interface CodecSamples {
  readonly definition: CodecDefinition
  readonly samples: readonly Sample[]
  /** One request of about so many bytes. */
  readonly large: (bytes: number) => Sample
}

const WIDE_ID = 0xfedcba98_76543210_fedcba98_76543210n
const TEXT = 'grüße'

const request = (name: string, bytes: Buffer, more: Partial<Sample> = {}): Sample => ({
  name,
  side: 'downstream',
  bytes,
  ...more,
})
const reply = (name: string, bytes: Buffer, more: Partial<Sample> = {}): Sample => ({
  name,
  side: 'upstream',
  bytes,
  ...more,
})
const large = (bytes: Buffer): Sample => request('large', bytes)

export const uuidSamples: CodecSamples = {
  definition: uuid,
  samples: [
    request('all 128 bits', uuidFrame({ id: WIDE_ID, body: TEXT })),
    request('a small id', uuidFrame({ id: 7 })),
    request('long', uuidFrame({ id: 2n ** 64n, body: 'x'.repeat(3000) })),
    reply('reply', uuidFrame({ id: WIDE_ID, body: TEXT })),
    reply('failed', uuidFrame({ id: 2 ** 53, status: 1 })),
  ],
  large: (bytes) => large(uuidFrame({ id: 1, body: 'x'.repeat(bytes) })),
}

export const checksummedSamples: CodecSamples = {
  definition: checksummed,
  samples: [
    request('request', checksummedFrame({ id: 0xfffffffe, body: TEXT })),
    request('empty', checksummedFrame({ id: 0 })),
    request('long', checksummedFrame({ id: 9, body: 'x'.repeat(3000) })),
    reply('reply', checksummedFrame({ id: 7, body: TEXT })),
    reply('failed', checksummedFrame({ id: 7, status: 3 })),
  ],
  large: (bytes) => large(checksummedFrame({ id: 1, body: 'x'.repeat(bytes) })),
}

export const orderedSamples: CodecSamples = {
  definition: ordered,
  samples: [
    request('one line', Buffer.from('GET grüße\r\n')),
    request('no key', Buffer.from('PING\r\n')),
    request('block', Buffer.from('SET key $5\r\na\r\nbc\r\n')),
    request('empty block', Buffer.from('SET key $0\r\n\r\n')),
    request('long block', Buffer.from(`SET key $3000\r\n${'x'.repeat(3000)}\r\n`)),
    request('three', Buffer.from('GET a\r\nSET b $1\r\nx\r\nGET c\r\n'), { messages: 3 }),
    reply('text', Buffer.from('+OK\r\n')),
    reply('error', Buffer.from('-ERR no\r\n')),
    reply('block', Buffer.from('$5\r\nhello\r\n')),
  ],
  large: (bytes) => large(Buffer.from(`GET ${'x'.repeat(bytes)}\r\n`)),
}

export const streamingSamples: CodecSamples = {
  definition: streaming,
  samples: [
    request('request', streamingFrame({ type: MessageType.Request, id: 7, timeoutMs: 1500, body: TEXT })),
    request('one-way', streamingFrame({ type: MessageType.Oneway, id: 8, body: 'x'.repeat(2000) })),
    request('heartbeat', streamingFrame({ type: MessageType.Heartbeat, id: 9 })),
    request(
      'client stream',
      Buffer.concat([
        streamingFrame({ type: MessageType.StreamInit, id: 1, stream: 5 }),
        streamingFrame({ type: MessageType.StreamData, id: 1, stream: 5, body: TEXT }),
        streamingFrame({ type: MessageType.StreamCloseOneWay, id: 1, stream: 5 }),
      ]),
      { messages: 3 },
    ),
    reply(
      'service stream',
      Buffer.concat([
        streamingFrame({ type: MessageType.StreamData, id: 1, stream: 5, body: TEXT }),
        streamingFrame({ type: MessageType.StreamCloseTwoWay, id: 1, stream: 5, status: 1 }),
      ]),
      { messages: 2 },
    ),
    reply(
      'reply in two parts',
      Buffer.concat([
        streamingFrame({ type: MessageType.Response, id: 7, flags: StreamingFlag.More, body: 'a' }),
        streamingFrame({ type: MessageType.Response, id: 7, body: 'b' }),
      ]),
      { messages: 2 },
    ),
    reply('error', streamingFrame({ type: MessageType.Error, id: 7, status: 1, body: TEXT })),
    reply('heartbeat', streamingFrame({ type: MessageType.Heartbeat, id: 7 })),
  ],
  large: (bytes) => large(streamingFrame({ type: MessageType.Request, id: 1, body: 'x'.repeat(bytes) })),
}

const CLIENT_SESSION = Buffer.concat([
  sessionFrame({ verb: 'B', id: 1 }),
  sessionFrame({ verb: 'Q', id: 2, body: TEXT }),
  sessionFrame({ verb: 'C', id: 3 }),
  sessionFrame({ verb: 'L', id: 4, body: 'me' }),
  sessionFrame({ verb: 'C', id: 5 }),
])

export const sessionSamples: CodecSamples = {
  definition: session,
  samples: [
    request('session', CLIENT_SESSION, { messages: 5, once: true }),
    request('subscribe', sessionFrame({ verb: 'S', id: 6, body: 'x'.repeat(1500) })),
    reply(
      'service',
      Buffer.concat([
        sessionFrame({ verb: 'G', body: 'welcome' }),
        sessionFrame({ verb: 'K', id: 1, body: TEXT }),
        sessionFrame({ verb: 'P', body: 'news' }),
        sessionFrame({ verb: 'E', id: 2, body: 'no' }),
      ]),
      { messages: 4 },
    ),
  ],
  large: (bytes) => large(sessionFrame({ verb: 'Q', id: 1, body: 'x'.repeat(bytes) })),
}

export const transactionSamples: CodecSamples = { ...sessionSamples, definition: transaction }

const optionedOptions = [1, 2, 4].flatMap((lengthBytes) =>
  ['big', 'little'].map((byteOrder) => ({ lengthBytes, byteOrder }) as Parameters<typeof optionedFrame>[1]),
)

export const optionedSamples: CodecSamples = {
  definition: optioned,
  samples: [undefined, ...optionedOptions].flatMap((config) => {
    const name = JSON.stringify(config ?? 'defaults')
    return [
      request(name, optionedFrame({ id: 0xfffffffe, body: TEXT }, config), { config }),
      reply(name, optionedFrame({ id: 1, status: 1, body: TEXT }, config), { config }),
    ]
  }),
  large: (bytes) => large(optionedFrame({ id: 1, body: 'x'.repeat(bytes) })),
}

const pairs = { method: 'sayHello', empty: '', city: 'Zürich' }
const changeable = Object.keys(pairs)

export const mutableSamples: CodecSamples = {
  definition: mutable,
  samples: [
    request('request', mutableFrame({ id: 7, pairs, body: TEXT }), { changeable }),
    request('timeout', mutableFrame({ id: 8, pairs: { 'timeout-ms': '250' } })),
    request('no pairs', mutableFrame({ id: 9, body: 'x'.repeat(3000) })),
    reply('reply', mutableFrame({ id: 7, pairs, body: TEXT }), { changeable }),
    reply('failed', mutableFrame({ id: 7, status: 1 })),
  ],
  large: (bytes) => {
    const many = Array.from({ length: 500 }, (_, n): [string, string] => [`key-${n}`, 'y'.repeat(100)])
    return large(mutableFrame({ id: 1, pairs: Object.fromEntries(many), body: 'x'.repeat(bytes) }))
  },
}

export const allSamples: readonly CodecSamples[] = [
  uuidSamples,
  checksummedSamples,
  orderedSamples,
  streamingSamples,
  sessionSamples,
  transactionSamples,
  optionedSamples,
  mutableSamples,
]
