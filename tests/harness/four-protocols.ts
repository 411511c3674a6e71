/** Three protocols of the proxy's own codecs and one of somebody else, for what must work in all of them alike. */

import assert from 'node:assert/strict'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import {
  ByteWriter,
  type CodecDefinition,
  ErrorType,
  type Failure,
  MessageType,
  type Metadata,
  ResponseStatus,
} from '@meltemi/sdk'
import { type Answer, answerOf } from './answers.ts'
import { awesomerpcFrame } from './awesomerpc-frame.ts'
import { mutable, mutableFrame, ordered } from './codecs/index.ts'
import { dubboHeartbeatReply, dubboReply, dubboRequest } from './dubbo-frame.ts'
import type { Handler } from './echo-server.ts'

export interface TestedProtocol {
  /** For titles. */
  readonly name: string
  readonly codec: CodecDefinition
  /** What `request` asks for if not told otherwise: a property, and its value. */
  readonly property: readonly [key: string, value: string]
  /** Something else that may be asked for. */
  readonly otherValue: string
  /** Whether a local reply has room for its text. */
  readonly hasText: boolean
  request(id: number, value?: string): Buffer
  /** What an honest service says to it, and to a health check. */
  readonly answer: Answer
}

const THRIFT_TYPE = { call: 1, reply: 2 } as const

/** The last one is a third party's. */
export const FOUR_PROTOCOLS: readonly TestedProtocol[] = [
  {
    name: 'awesomerpc',
    codec: awesomerpc,
    property: ['cmd', '1'],
    otherValue: '2',
    hasText: false,
    request: (id, value = '1') => awesomerpcFrame({ id, cmd: Number(value), body: 'hello' }),
    answer: asItIs,
  },
  {
    name: 'thrift',
    codec: thrift,
    property: ['method', 'hello'],
    otherValue: 'other',
    hasText: true,
    request: (id, value = 'hello') => thriftMessage(THRIFT_TYPE.call, value, id),
    answer: (request) => thriftMessage(THRIFT_TYPE.reply, request.get('method') ?? '', Number(request.requestId)),
  },
  {
    name: 'dubbo',
    codec: dubbo,
    property: ['method', 'echo'],
    otherValue: 'other',
    hasText: true,
    request: (id, value = 'echo') => dubboRequest({ id, method: value, body: 'hello' }),
    answer: ({ type, requestId }) => {
      const id = Number(requestId)
      return type === MessageType.Heartbeat ? dubboHeartbeatReply(id) : dubboReply({ id, body: 'hello' })
    },
  },
  {
    name: 'third-party',
    codec: mutable,
    property: ['method', 'hello'],
    otherValue: 'other',
    hasText: true,
    request: (id, value = 'hello') => mutableFrame({ id, pairs: { method: value }, body: 'hello' }),
    answer: asItIs,
  },
]

export const [AWESOMERPC, THRIFT, DUBBO, THIRD_PARTY] = FOUR_PROTOCOLS as [
  TestedProtocol,
  TestedProtocol,
  TestedProtocol,
  TestedProtocol,
]

/** One more of a third party, whose messages have no ids. */
export const IN_ORDER: TestedProtocol = {
  name: 'third-party in order',
  codec: ordered,
  property: ['key', 'hello'],
  otherValue: 'other',
  hasText: true,
  request: (_id, value = 'hello') => Buffer.from(`GET ${value}\r\n`),
  answer: answerOf(ordered.name),
}

const ILL: Failure = {
  code: 'test',
  type: ErrorType.Unspecified,
  message: 'the service does not feel well',
  source: 'upstream',
  retriable: 'no',
}

/** A service that answers everything with an error of the protocol. */
export function failing({ codec }: TestedProtocol): Handler {
  return (request, connection) => {
    const out = new ByteWriter()
    codec.create('downstream', undefined).onError(request, ILL, out)
    connection.send(Buffer.concat(out.flush()))
  }
}

export function isFailed({ type, status }: Metadata): boolean {
  return type === MessageType.Error || status !== ResponseStatus.Ok
}

/** What an error says in the protocol: its code, or its text where it has no codes. */
export function errorOf({ name }: TestedProtocol, { message, status, headerSize }: Metadata): string {
  assert.equal(status, ResponseStatus.Error)
  switch (name) {
    case 'awesomerpc':
      return `rsp_code ${message.readInt16BE(11)}`
    case 'dubbo':
      return `status ${message[3]}`
    case 'thrift':
      return `type ${message.readInt32BE(message.indexOf(Buffer.from([8, 0, 2])) + 3)}`
    default:
      return message.toString('utf8', headerSize)
  }
}

function asItIs(request: Metadata): Buffer {
  return Buffer.from(request.message)
}

/** Framed, strict binary, without arguments or a result. */
function thriftMessage(type: number, method: string, id: number): Buffer {
  const message = Buffer.alloc(4 + 4 + 4 + method.length + 4 + 1)
  message.writeUInt32BE(message.length - 4, 0)
  message.writeUInt32BE(0x8001_0000 + type, 4)
  message.writeUInt32BE(method.length, 8)
  message.write(method, 12, 'latin1')
  message.writeInt32BE(id, 12 + method.length)
  return message
}
