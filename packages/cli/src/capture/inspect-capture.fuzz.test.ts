import assert from 'node:assert/strict'
import { test } from 'node:test'
import { thrift } from '@meltemi/codecs/thrift'
import type { CodecDefinition } from '@meltemi/sdk'
import fc from 'fast-check'
import { CommandError } from '../command-error.ts'
import { pcapFile, pcapngFile } from './testing/capture-files.ts'
import { framesOf, inspectBytes, inspectTalk, printedOf, rpc } from './testing/inspect-bytes.ts'
import { Talk } from './testing/talk.ts'

const talk = new Talk().open()
for (const id of [1, 2, 3]) talk.send('client', rpc(id, 'x'.repeat(99)), 40).send('server', rpc(id), 15)
const FRAMES = framesOf(talk.close())
const FILES = [
  pcapFile(FRAMES),
  pcapFile(FRAMES, { order: 'big', nanoseconds: true }),
  pcapngFile(FRAMES, { unknownBlocks: true }),
  pcapngFile(FRAMES, { order: 'big', timeUnit: 9, timeOffset: 5n }),
]
/** Above the limit of a test that hangs is the runner's; this one is about files that take far too long. */
const MAX_MS = 5000

/** Resolves when the file was read, or refused by a line; anything else that is thrown fails the test. */
async function assertReadOrRefused(bytes: Buffer, definition?: CodecDefinition): Promise<void> {
  const started = performance.now()
  try {
    await inspectBytes(bytes, definition === undefined ? {} : { definition })
  } catch (error: unknown) {
    assert.ok(error instanceof CommandError, error as Error)
    assert.equal(error.lines.length, 1)
    assert.match(error.lines[0]!, /^[^\n]{10,300}$/)
  }
  assert.ok(performance.now() - started < MAX_MS)
}

const damage = fc.record({
  file: fc.constantFrom(...FILES),
  bytes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255)), {
    maxLength: 8,
  }),
  cut: fc.double({ min: 0, max: 1, noNaN: true }),
  inserted: fc.uint8Array({ maxLength: 16 }),
})

test('a damaged capture is read as far as it goes, or refused by one line', async () => {
  await fc.assert(
    fc.asyncProperty(damage, async ({ file, bytes, cut, inserted }) => {
      const damaged = Buffer.from(file)
      for (const [place, value] of bytes) damaged[Math.floor(place * damaged.length)] = value
      const at = Math.floor(cut * damaged.length)
      await assertReadOrRefused(Buffer.concat([damaged.subarray(0, at), inserted, damaged.subarray(at)]))
      await assertReadOrRefused(damaged.subarray(0, at), thrift)
    }),
    { numRuns: 150 },
  )
})

test('random bytes behind the beginning of a capture are refused by one line, or none', async () => {
  const beginnings = FILES.map((file) => file.subarray(0, file.readUInt32BE(0) === 0x0a0d0d0a ? 60 : 24))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 300 }), async (beginning, rest) => {
      await assertReadOrRefused(Buffer.concat([beginning, rest]))
    }),
    { numRuns: 150 },
  )
})

test('packets of random bytes, of each link type, are read or left out', async () => {
  const linkTypes = fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 229, 276)
  await fc.assert(
    fc.asyncProperty(
      linkTypes,
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }),
      async (linkType, all) => {
        const { summary } = await inspectBytes(
          pcapngFile(
            all.map((bytes) => ({ bytes: Buffer.from(bytes) })),
            { linkType },
          ),
        )
        assert.equal(summary?.packets ?? 0, all.length)
      },
    ),
    { numRuns: 100 },
  )
})

const REFUSED: readonly (readonly [string, Buffer, RegExp])[] = [
  ['nothing', Buffer.alloc(0), /: 0 bytes are no capture$/],
  ['text', Buffer.from('just some text'), /: at byte 0: neither pcap nor pcapng: it begins with 6a757374$/],
  ['gzip', Buffer.from('1f8b0800000000000003', 'hex'), /: at byte 0: compressed by gzip: unpack it first$/],
  [
    'a link type that nobody here reads',
    pcapFile(FRAMES, { linkType: 105 }),
    /: packets of link type 105 cannot be read, only those of Ethernet, raw IP, BSD loopback and Linux cooked$/,
  ],
  [
    'only such packets in pcapng',
    pcapngFile(FRAMES, { linkType: 105 }),
    /: all packets are of a link type that is not supported$/,
  ],
  ['a file that was cut off', FILES[0]!.subarray(0, -1), /: it ends within a packet, at byte \d+$/],
  [
    'a packet larger than any',
    Buffer.concat([FILES[0]!, Buffer.alloc(16, 0x7f)]),
    /: at byte \d+: message length 2139062159 exceeds 16777216$/,
  ],
  ['a block that does not end as it began', cut(FILES[2]!, 24), /: at byte 0: a block of 28 bytes ends as one of 0$/],
  [
    'a packet of an unknown interface',
    ofUnknownInterface(pcapngFile(FRAMES)),
    /: at byte 60: a packet of interface 151587081, which has not been described$/,
  ],
]
for (const [name, bytes, line] of REFUSED) {
  test(`one line tells what is wrong: ${name}`, async () => {
    await assert.rejects(printedOf(bytes), (error: CommandError) => {
      assert.equal(error.name, 'CommandError')
      assert.match(error.lines.join('\n'), line)
      return true
    })
  })
}

/** In which the first packet, behind two other blocks, names another interface. */
function ofUnknownInterface(file: Buffer): Buffer {
  const at = 28 + file.readUInt32LE(28 + 4)
  return file.fill(9, at + 8, at + 12)
}

/** With zeros in four bytes. */
function cut(bytes: Buffer, at: number): Buffer {
  return Buffer.from(bytes).fill(0, at, at + 4)
}

test('a codec that breaks its contract ends the direction, and the note says so', async () => {
  const faults: readonly (readonly [string, CodecDefinition['create']])[] = [
    [
      'the codec has thrown TypeError: oops',
      () =>
        codecOf(() => {
          throw new TypeError('oops')
        }),
    ],
    [
      'the codec has thrown "oops"',
      () =>
        codecOf(() => {
          throw 'oops'
        }),
    ],
    ['the codec has thrown Error: decode says that it is done, but has taken no bytes', () => codecOf(() => 1)],
    [
      'the codec has thrown Error: decode should return a DecodeStatus, and returned 7',
      () => codecOf(() => 7 as never),
    ],
    [
      'the codec has thrown Error: decode waits for data, but has taken some',
      () =>
        codecOf((buffer) => {
          buffer.take(1)
          return 0
        }),
    ],
  ]
  for (const [expected, create] of faults) {
    const definition: CodecDefinition = { name: 'broken', contract: 1, correlation: 'id', create }
    const { notes } = await inspectTalk(new Talk().open().send('client', rpc(1)), { definition })
    assert.deepEqual(
      notes.map(({ code, text }) => [code, text]),
      [['refused', expected]],
    )
  }
})

function codecOf(decode: ReturnType<CodecDefinition['create']>['decode']): ReturnType<CodecDefinition['create']> {
  return { decode, encode: () => {}, onError: () => {} }
}
