import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Filter,
  type FilterContext,
  type FilterDefinition,
  type FilterHost,
  FilterStatus,
  Metadata,
  Mutation,
  ReceiveBuffer,
} from '@meltemi/sdk'
import { guardCodec, guardFilter } from './guard.ts'

const ID = 42

/** What is noted while each method runs. */
function spy(running: Int32Array, seen: string[], more: Partial<Codec> = {}): CodecDefinition {
  const note = (method: string): void => {
    seen.push(`${method} ${running[0]}`)
  }
  const codec: Codec = {
    decode: () => {
      note('decode')
      return DecodeStatus.WaitForData
    },
    encode: () => note('encode'),
    onError: () => {
      note('onError')
      throw new Error('as codecs do')
    },
    ...more,
  }
  return { name: 'spy', contract: 1, correlation: 'id', create: () => codec }
}

test('the version is noted while its code runs, and not after it, whatever it does', () => {
  const running = new Int32Array(2)
  const seen: string[] = []
  const codec = guardCodec(spy(running, seen), ID, running).create('downstream', undefined)
  const [metadata, out] = [new Metadata(), new ByteWriter()]
  assert.equal(codec.decode(new ReceiveBuffer(), metadata), DecodeStatus.WaitForData)
  codec.encode(metadata, Mutation.none, out)
  const failure = { code: 'x', type: 0, message: '', source: 'proxy', retriable: 'no' } as const
  assert.throws(() => codec.onError(metadata, failure, out), /as codecs do/)
  assert.deepEqual(seen, [`decode ${ID}`, `encode ${ID}`, `onError ${ID}`])
  assert.deepEqual([...running], [0, ID])
})

test('hooks are there when the codec has them, and only then', () => {
  const running = new Int32Array(2)
  const bare = guardCodec(spy(running, []), ID, running).create('upstream', undefined)
  const hooks = [
    ...(['patchIds', 'heartbeatReply', 'serviceHeartbeat', 'healthCheck'] as const),
    ...(['resetStream', 'failStream', 'goAway'] as const),
  ]
  for (const hook of hooks) assert.equal(bare[hook], undefined, hook)
  let id = 0
  const full = spy(running, [], {
    patchIds: (bytes, start) => {
      id = running[0] ?? 0
      bytes[start] = 7
      return true
    },
  })
  const bytes = Buffer.alloc(2)
  assert.equal(guardCodec(full, ID, running).create('upstream', undefined).patchIds?.(bytes, 1, 7, 0), true)
  assert.deepEqual([id, [...bytes], running[0]], [ID, [0, 7], 0])
})

test('a filter that calls code of another version is noted again when that returns', () => {
  const running = new Int32Array(2)
  const seen: number[] = []
  const codec = guardCodec(spy(running, []), 7, running).create('upstream', undefined)
  const filter: Filter = {
    onRequest: () => {
      codec.encode(new Metadata(), Mutation.none, new ByteWriter())
      seen.push(running[0] ?? 0)
      return FilterStatus.Continue
    },
  }
  const definition: FilterDefinition = { name: 'f', typeUrl: 'f', parse: () => undefined, create: () => filter }
  const guarded = guardFilter(definition, ID, running).create(undefined, {} as FilterHost)
  assert.equal(guarded.onRequest?.({} as FilterContext), FilterStatus.Continue)
  assert.equal(guarded.onReply, undefined)
  assert.deepEqual([seen, running[0]], [[ID], 0])
})
