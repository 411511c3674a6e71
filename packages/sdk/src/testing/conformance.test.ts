import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '../index.ts'
import * as judge from './index.ts'

/** | u16 length of all | u8 id | u8 status | text of one pair, `x-added=value` | : right, to be broken in one thing a test. */
class SmallCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(4)) return DecodeStatus.WaitForData
    const length = buffer.u16(0)
    if (length < 4) throw new ProtocolError('too short')
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = buffer.u8(2)
    if (buffer.u8(3) !== 0) metadata.status = ResponseStatus.Error
    metadata.headerSize = 4
    metadata.bodySize = length - 4
    metadata.message = buffer.take(length)
    if (length > 4) metadata.setSlice('x-added', 4, length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    const body = mutation.size > 0 ? Buffer.from(mutation.value(0) ?? '') : metadata.message.subarray(4)
    out
      .u16(4 + body.length)
      .u8(Number(metadata.requestId))
      .bytes(metadata.message, 3, 4)
      .bytes(body)
  }

  onError(request: Metadata, _failure: Failure, out: ByteWriter): void {
    out.u16(4).u8(Number(request.requestId)).u8(1)
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    bytes[start + 2] = Number(requestId)
    return true
  }

  heartbeatReply(request: Metadata, out: ByteWriter): void {
    out.bytes(request.message)
  }
}

function define(create: () => Codec, more: Partial<CodecDefinition> = {}): CodecDefinition {
  return { name: 'small', contract: 1, correlation: 'order', mutation: 'both', ...more, create }
}

const samples: readonly judge.Sample[] = [
  { name: 'request', side: 'downstream', bytes: Buffer.from('0008070061626364', 'hex') },
  { name: 'reply', side: 'upstream', bytes: Buffer.from('00080700ffff6364', 'hex') },
]
const large = (bytes: number): judge.Sample => {
  const message = Buffer.alloc(bytes, 1)
  message.writeUInt16BE(Math.min(bytes, 0xffff))
  return { name: 'large', side: 'downstream', bytes: message.subarray(0, 0xffff) }
}

type Rule = (definition: CodecDefinition, samples: readonly judge.Sample[]) => void

const RULES: readonly Rule[] = [
  judge.assertSurvivesEverySplit,
  judge.assertWaitsForTheRest,
  judge.assertRefusesOversize,
  judge.assertPipelines,
  judge.assertSurvivesGarbage,
  judge.assertEncodesWhatItDecoded,
  judge.assertRewritesIds,
  judge.assertMutates,
  judge.assertErrorReplies,
  judge.assertHooks,
]

test('a right codec passes every rule', () => {
  const right = define(() => new SmallCodec())
  for (const rule of RULES) rule(right, samples)
  judge.assertDecodesInLinearTime(right, large, 8000)
})

/** One method of a right codec replaced. */
function broken<K extends keyof SmallCodec>(method: K, replace: (right: SmallCodec) => SmallCodec[K]): () => Codec {
  return () => {
    const codec = new SmallCodec()
    const right = new SmallCodec()
    Object.defineProperty(codec, method, { value: replace(right) })
    return codec
  }
}

const FAULTS: readonly [string, Rule, RegExp, CodecDefinition][] = [
  [
    'a decode that throws for missing bytes',
    judge.assertSurvivesEverySplit,
    /cut at 1.*outside/s,
    define(
      broken('decode', (right) => (buffer, metadata) => {
        buffer.u16(0)
        return right.decode(buffer, metadata)
      }),
    ),
  ],
  [
    'a decode that takes a message before it is whole',
    judge.assertSurvivesEverySplit,
    /cut at 4/,
    define(
      broken('decode', () => (buffer, metadata) => {
        if (!buffer.has(4)) return DecodeStatus.WaitForData
        metadata.message = buffer.take(Math.min(buffer.u16(0), buffer.length))
        return DecodeStatus.Done
      }),
    ),
  ],
  [
    'a decode that consumes and then waits',
    judge.assertWaitsForTheRest,
    /consumed/,
    define(
      broken('decode', (right) => (buffer, metadata) => {
        if (buffer.length === 5) buffer.take(1)
        return right.decode(buffer, metadata)
      }),
    ),
  ],
  [
    'a decode that is done with nothing',
    judge.assertWaitsForTheRest,
    /would never end/,
    define(broken('decode', () => () => DecodeStatus.Done)),
  ],
  [
    'a decode that never asks for the length',
    judge.assertRefusesOversize,
    /not refused/,
    define(
      broken('decode', () => (buffer, metadata) => {
        if (buffer.length < 4 || buffer.length < buffer.u16(0)) return DecodeStatus.WaitForData
        metadata.message = buffer.take(buffer.u16(0))
        return DecodeStatus.Done
      }),
    ),
  ],
  [
    'a decode that swallows what follows',
    judge.assertPipelines,
    /differs|came out|waits/,
    define(
      broken('decode', (right) => (buffer, metadata) => {
        const before = buffer.length
        const status = right.decode(buffer, metadata)
        if (status === DecodeStatus.Done && before > 50)
          metadata.message = Buffer.concat([metadata.message, buffer.take(8)])
        return status
      }),
    ),
  ],
  [
    'a decode that throws anything else than a ProtocolError',
    judge.assertSurvivesGarbage,
    /seed 1 input \d+.*RangeError/s,
    define(
      broken('decode', (right) => (buffer, metadata) => {
        if (buffer.has(4) && buffer.u16(0) < 4) buffer.u8(1e6)
        return right.decode(buffer, metadata)
      }),
    ),
  ],
  [
    'an encode that changes the message it was given',
    judge.assertEncodesWhatItDecoded,
    /has changed metadata.message/,
    define(
      broken('encode', (right) => (metadata, mutation, out) => {
        metadata.message[2] = 99
        right.encode(metadata, mutation, out)
      }),
    ),
  ],
  [
    'an encode that back-patches from position 0',
    judge.assertEncodesWhatItDecoded,
    /encode changed it/,
    define(
      broken('encode', () => (metadata, _mutation, out) => {
        out.u16(0).bytes(metadata.message, 2)
        out.setU16(0, metadata.message.length)
      }),
    ),
  ],
  [
    'a mutation that is not applied',
    judge.assertMutates,
    /mutation: message 0 differs/,
    define(broken('encode', () => (metadata, _mutation, out) => void out.bytes(metadata.message))),
  ],
  [
    'an error reply that is no error',
    judge.assertErrorReplies,
    /is no error/,
    define(broken('onError', () => (_request, _failure, out) => void out.u16(4).u16(0x0700))),
  ],
  [
    'an error reply that needs the body',
    judge.assertErrorReplies,
    /more than headerSize/,
    define(
      broken(
        'onError',
        () => (request, _failure, out) =>
          void out
            .u16(5)
            .u16(0x0701)
            .u8(request.message[5] ?? 0),
      ),
    ),
  ],
  [
    'nothing for an error reply',
    judge.assertErrorReplies,
    /0 messages instead of 1/,
    define(broken('onError', () => () => {})),
  ],
  [
    'a heartbeat reply with another id',
    judge.assertHooks,
    /another id/,
    define(() => {
      const codec = new SmallCodec()
      const right = new SmallCodec()
      codec.decode = (buffer, metadata) => {
        if (metadata.type === MessageType.Request) metadata.type = MessageType.Heartbeat
        return right.decode(buffer, metadata)
      }
      codec.heartbeatReply = (_request, out) => void out.u16(4).u16(0)
      return codec
    }),
  ],
  [
    'ids that are cut',
    judge.assertRewritesIds,
    /id 4660 by encoded.*message 0 differs/s,
    define(() => new SmallCodec(), { correlation: 'id' }),
  ],
]

for (const [title, rule, message, definition] of FAULTS) {
  test(`the judge finds ${title}`, () => {
    assert.throws(() => rule(definition, samples), { code: 'ERR_ASSERTION', message })
  })
}

/** | u32 length of all | u32 id |, with 1 KiB of the body that nobody needs. */
function wide(patchIds: Codec['patchIds']): CodecDefinition {
  const codec: Codec = {
    decode(buffer, metadata) {
      if (!buffer.has(8)) return DecodeStatus.WaitForData
      if (!buffer.has(buffer.u32(0))) return DecodeStatus.WaitForData
      metadata.requestId = buffer.u32(4)
      metadata.headerSize = 8
      metadata.message = buffer.take(buffer.u32(0))
      return DecodeStatus.Done
    },
    encode(metadata, _mutation, out) {
      out.bytes(metadata.message, 0, 4).u32(Number(metadata.requestId)).bytes(metadata.message, 8)
    },
    onError() {},
    ...(patchIds && { patchIds }),
  }
  return define(() => codec, { correlation: 'id' })
}

test('the judge finds a patchIds that ignores start, that writes too far, or that writes and says it did not', () => {
  const sample: judge.Sample = { name: 'wide', side: 'downstream', bytes: Buffer.from('0000000a00000007ffff', 'hex') }
  const patch = (id: MessageId, at: number, bytes: Buffer) => bytes.writeUInt32BE(Number(id), at)
  judge.assertRewritesIds(
    wide((bytes, start, id) => patch(id, start + 4, bytes) > 0),
    [sample],
  )
  for (const [wrong, message] of [
    [(bytes, _start, id) => patch(id, 4, bytes) > 0, /outside the 8 bytes/],
    [(bytes, start, id) => patch(id, start + 8, bytes) > 0, /outside the 8 bytes/],
    [(bytes, start, id) => patch(id, start + 4, bytes) < 0, /returned false but wrote/],
    [() => true, /new ids: message 0 differs/],
  ] as [NonNullable<Codec['patchIds']>, RegExp][]) {
    assert.throws(() => judge.assertRewritesIds(wide(wrong), [sample]), { code: 'ERR_ASSERTION', message })
  }
})

test('the judge finds a decode whose cost grows with the square of the bytes', () => {
  const create = broken('decode', (right) => (buffer, metadata) => {
    // looks at all bytes again for each one that comes
    for (let n = 0; n < buffer.length; n++) buffer.u8(n)
    if (buffer.length < 4 || buffer.length < buffer.u16(0)) return DecodeStatus.WaitForData
    return right.decode(buffer, metadata)
  })
  assert.throws(() => judge.assertDecodesInLinearTime(define(create), large, 2000), /times the CPU/)
})

test('a complaint says codec, side, sample, place and bytes', () => {
  const wrong: judge.Sample = { name: 'half', side: 'upstream', bytes: Buffer.from('000807', 'hex') }
  assert.throws(
    () =>
      judge.assertPipelines(
        define(() => new SmallCodec()),
        [wrong],
      ),
    {
      message: 'small, upstream sample "half": 0 messages instead of 1\n  bytes 000807',
    },
  )
})

test('splits are all cuts in two and in three, and copies', () => {
  const bytes = Buffer.from('abcd')
  const all = [...judge.splits(bytes)]
  assert.deepEqual(
    all.map(({ cuts }) => cuts.join()),
    ['1', '2', '3', '1,2', '1,3', '2,3'],
  )
  for (const { chunks } of all) {
    assert.equal(Buffer.concat(chunks).toString(), 'abcd')
    assert.ok(chunks.every((chunk) => chunk.length > 0))
    chunks[0]![0] = 0
  }
  assert.equal(bytes.toString(), 'abcd')
  for (const { chunks } of judge.splits(Buffer.alloc(5000))) assert.equal(Buffer.concat(chunks).length, 5000)
})

test('a seed repeats its random bytes', () => {
  assert.deepEqual(new judge.Random(5).bytes(100), new judge.Random(5).bytes(100))
  assert.notDeepEqual(new judge.Random(5).bytes(100), new judge.Random(6).bytes(100))
  assert.equal(new Set(new judge.Random(1).bytes(5000)).size, 256)
})
