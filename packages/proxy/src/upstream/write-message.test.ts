import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, type Codec, type MessageId, Metadata, Mutation } from '@meltemi/sdk'
import { writeMessage } from './write-message.ts'

/** | u32 id | body … |, whose encode writes E before it, to tell it from a patch. */
function codec(patchIds: ((bytes: Buffer, start: number, id: MessageId) => boolean) | undefined): Codec {
  return {
    decode: () => assert.fail('nothing is decoded'),
    encode: (metadata, _mutation, out) =>
      void out.latin1('E').u32(Number(metadata.requestId)).bytes(metadata.message, 4),
    onError() {},
    ...(patchIds && { patchIds }),
  }
}
const patching = codec((bytes, start, id) => {
  bytes.writeUInt32BE(Number(id), start)
  return true
})

function message(id: number, bodyBytes: number): Metadata {
  const metadata = new Metadata()
  metadata.requestId = id
  metadata.headerSize = 4
  metadata.message = Buffer.alloc(4 + bodyBytes, 'b')
  metadata.message.writeUInt32BE(id)
  return metadata
}

function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter()
  out.latin1('>')
  write(out)
  return Buffer.concat(out.flush())
}

for (const bodyBytes of [3, 100_000]) {
  test(`ids are written into a copy of a message of ${bodyBytes} bytes`, () => {
    const request = message(7, bodyBytes)
    const before = Buffer.from(request.message)
    const bytes = written((out) => writeMessage(patching, request, Mutation.none, 9, 0, out))
    assert.equal(bytes.readUInt32BE(1), 9)
    assert.ok(bytes.subarray(5).equals(before.subarray(4)))
    assert.deepEqual([request.message.equals(before), request.requestId], [true, 7])
  })

  test(`a message of ${bodyBytes} bytes with its own ids goes as it came`, () => {
    const request = message(7, bodyBytes)
    const bytes = written((out) => writeMessage(patching, request, Mutation.none, 7, 0, out))
    assert.ok(bytes.subarray(1).equals(request.message))
  })

  test(`a codec that cannot patch this message of ${bodyBytes} bytes encodes it`, () => {
    for (const other of [codec(() => false), codec(undefined)]) {
      const bytes = written((out) => writeMessage(other, message(7, bodyBytes), Mutation.none, 9, 0, out))
      assert.deepEqual([bytes.toString('latin1', 0, 2), bytes.readUInt32BE(2), bytes.length], ['>E', 9, bodyBytes + 6])
    }
  })

  test(`nothing remains of a message of ${bodyBytes} bytes when the codec throws, in patch or in encode`, () => {
    const throwing = (part: 'patchIds' | 'encode'): Codec => ({
      ...patching,
      [part]: (...given: unknown[]) => {
        const out = given.find((one) => one instanceof ByteWriter)
        out?.latin1('half')
        throw new Error('cannot')
      },
      ...(part === 'encode' && { patchIds: () => false }),
    })
    for (const part of ['patchIds', 'encode'] as const) {
      const request = message(7, bodyBytes)
      const bytes = written((out) =>
        assert.throws(() => writeMessage(throwing(part), request, Mutation.none, 9, 0, out), /cannot/),
      )
      assert.equal(bytes.toString('latin1'), '>')
      assert.equal(request.requestId, 7)
    }
  })
}

test('another timeout is written by encode, and the message is afterwards as it was', () => {
  const telling: Codec = {
    ...patching,
    encode: (metadata, _mutation, out) => void out.latin1('T').u32(metadata.timeoutMs),
  }
  const request = message(7, 3)
  request.timeoutMs = 900
  const as = (timeoutMs: number | undefined) =>
    written((out) => writeMessage(telling, request, Mutation.none, 7, 0, out, timeoutMs)).toString('latin1')
  assert.equal(as(undefined), `>${request.message.toString('latin1')}`)
  assert.equal(as(900), as(undefined))
  assert.equal(as(400), '>T\0\0\x01\x90')
  assert.equal(request.timeoutMs, 900)
})
