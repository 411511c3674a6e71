import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { assertOutcomes } from '../thrift/expected.ts'
import { type Language, type PeerOptions, runClient, SMALL_CALLS, startServer } from '../thrift/peers.ts'
import { LiveCapture, type Recorder } from './live-capture.ts'
import { type SeenMessage, seenByMeltemi, seenByTshark } from './seen-messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-tshark-'))
after(() => rmSync(folder, { recursive: true }))

const PAIRS: readonly (readonly [Language, Language])[] = [
  ['npm', 'python'],
  ['python', 'go'],
  ['go', 'npm'],
]
const RECORDERS: readonly Recorder[] = ['dumpcap', 'tcpdump', 'tcpdump any']
const GOLDEN = new URL('../../../packages/codecs/src/thrift/testdata/', import.meta.url)

for (const protocol of ['binary', 'compact'] as const) {
  describe(`Thrift, framed ${protocol}, beside tshark`, () => {
    for (const [client, server] of PAIRS) {
      test(`a ${client} client and a ${server} server: all kinds of captures, message by message`, async () => {
        const options: PeerOptions = { transport: 'framed', protocol }
        const calls = [...SMALL_CALLS, 'big']
        await using running = await startServer(server, options)
        const captures = await record(`${client}-${server}-${protocol}`, running.port, 2, async () => {
          const both = [
            runClient(client, options, running.port, calls),
            runClient(client, options, running.port, calls),
          ]
          for (const outcomes of await Promise.all(both)) assert.equal(outcomes.length, calls.length)
        })
        for (const file of captures) {
          const least = 2 * 2 * calls.length
          await assertAgreement({ file, port: running.port, protocol, least })
        }
      })
    }

    test('requests that share packets, their replies too, and every message split', async () => {
      await using running = await startServer('go', { transport: 'framed', protocol })
      const requests = readFileSync(
        new URL(`framed-${protocol}-requests-${protocol === 'binary' ? 'npm' : 'go'}.bin`, GOLDEN),
      )
      const captures = await record(`pipelined-${protocol}`, running.port, 2, async () => {
        await replay(running.port, [requests])
        await replay(running.port, pieces(requests, 50))
      })
      for (const file of captures) await assertAgreement({ file, port: running.port, protocol, least: 2 * 17 })
    })
  })
}

for (const protocol of ['binary', 'compact'] as const) {
  // a message that takes several packets is none to tshark, which finds the end of framed ones only
  test(`Thrift, buffered ${protocol}, beside tshark: small messages, of which it tells no size`, async () => {
    const options: PeerOptions = { transport: 'buffered', protocol }
    await using running = await startServer('go', options)
    const captures = await record(`buffered-${protocol}`, running.port, 1, async () => {
      assertOutcomes(await runClient('npm', options, running.port, SMALL_CALLS), 'go')
    })
    for (const file of captures) {
      await assertAgreement({ file, port: running.port, protocol, least: 2 * SMALL_CALLS.length, isSized: false })
    }
  })
}

test('the real exchanges have their replies, one-way calls none, and exceptions an error', async () => {
  await using running = await startServer('python', { transport: 'framed', protocol: 'binary' })
  const [file] = await record('exchanges', running.port, 1, async () => {
    assertOutcomes(
      await runClient('npm', { transport: 'framed', protocol: 'binary' }, running.port, SMALL_CALLS),
      'python',
    )
  })
  const { exchanges } = await seenByMeltemi(file as string, running.port)
  const facts = exchanges.map(
    ({ kind, outcome, messages }) => `${kind} ${outcome} ${messages.map(({ type }) => type).join()}`,
  )
  assert.deepEqual(
    facts.toSorted(),
    [
      ...Array<string>(7).fill('exchange answered request,response'),
      'exchange answered request,error',
      'oneway sent oneway',
    ].toSorted(),
  )
})

/** The files of a conversation: each recorder's own, and dumpcap's in the other formats and with every packet twice. */
async function record(
  name: string,
  port: number,
  connections: number,
  talk: () => Promise<void>,
): Promise<readonly string[]> {
  const captures: LiveCapture[] = []
  for (const recorder of RECORDERS) {
    captures.push(await LiveCapture.start(recorder, join(folder, `${name}-${recorder.replace(' ', '-')}`), port))
  }
  await talk()
  for (const capture of captures) await capture.finish(connections)
  const [original] = captures as [LiveCapture]
  const converted = ['pcap', 'nsecpcap'].map((format) => {
    execFileSync('editcap', ['-F', format, original.file, `${original.file}.${format}`])
    return `${original.file}.${format}`
  })
  const doubled = `${original.file}.doubled`
  execFileSync('mergecap', ['-w', doubled, original.file, original.file])
  return [...captures.map(({ file }) => file), ...converted, doubled]
}

interface Comparison {
  readonly file: string
  readonly port: number
  readonly protocol: 'binary' | 'compact'
  /** So many messages there are at least: else both would agree on nothing. */
  readonly least: number
  /** False: tshark does not tell how long messages are. */
  readonly isSized?: boolean
}

async function assertAgreement({ file, port, protocol, least, isSized = true }: Comparison): Promise<void> {
  const expected = seenByTshark(file, port, protocol)
  const { messages } = await seenByMeltemi(file, port)
  assert.ok(expected.length >= least, `tshark sees ${expected.length} messages in ${file}`)
  if (isSized) assert.deepEqual(messages, expected, file)
  else assert.deepEqual(messages.map(withoutSize), expected.map(withoutSize), file)
}

function withoutSize({ size: _size, ...message }: SeenMessage): Omit<SeenMessage, 'size'> {
  return message
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size))
}

/** Sends all pieces, each as a packet of its own, and waits for eight replies. */
async function replay(port: number, chunks: readonly Buffer[]): Promise<void> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay()
  await once(socket, 'connect')
  for (const chunk of chunks) await new Promise((resolve) => socket.write(chunk, resolve))
  let replies = Buffer.alloc(0)
  for await (const chunk of socket) {
    replies = Buffer.concat([replies, chunk as Buffer])
    if (countFrames(replies) === 8) break
  }
}

function countFrames(bytes: Buffer): number {
  let frames = 0
  for (let at = 0; at + 4 <= bytes.length; frames++) {
    at += 4 + bytes.readUInt32BE(at)
    if (at > bytes.length) break
  }
  return frames
}
